//! The `Authorization` header: what the registry asked for, made from the credentials there are
//! (Docker token authentication spec, "Requesting a Token"; RFC 6749 for identity tokens).

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Body, Client, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::RegistryError;
use super::challenge::{self, Challenge};
use super::credentials::{self, Credentials};
use super::endpoint::Host;
use super::error;
use super::http_client::not_silent;
use super::limits::{MAX_KEPT, MAX_TOKEN_ANSWER_BYTES, TOKEN_MARGIN, TOKEN_SECONDS};
use super::session::read_start;

/// How token servers know us.
const CLIENT_ID: &str = "remora";

/// The media type of a form's fields.
const FORM: &str = "application/x-www-form-urlencoded";

/// What a registry wants to see, and what is there to show.
#[derive(Debug)]
pub(super) struct Authorizer {
    host: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    challenge: Option<Challenge>,
    /// By repository.
    credentials: HashMap<String, Option<Credentials>>,
    /// By scopes.
    tokens: HashMap<String, Token>,
}

/// On whose behalf a request is made.
pub(super) struct Subject<'a> {
    pub(super) repository: &'a str,
    pub(super) scopes: &'a [String],
}

struct Token {
    header: HeaderValue,
    renew_at: Instant,
}

/// A token server's answer.
#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Authorizer {
    pub(super) fn new(host: &str) -> Self {
        Authorizer { host: host.to_owned(), state: Mutex::default() }
    }

    /// The header to send. Whoever comes while a token is being fetched waits for that one.
    pub(super) async fn header(
        &self,
        host: &Host,
        subject: &Subject<'_>,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let mut state = self.state.lock().await;
        let Some(challenge) = state.challenge.clone() else { return Ok(None) };
        let credentials = state.credentials(host, subject.repository).await?;
        match (challenge, credentials) {
            (_, Some(Credentials::RegistryToken(token))) => self.bearer(&token).map(Some),
            (Challenge::Basic, Some(Credentials::Password { user, password })) => self
                .secret(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
                .map(Some),
            (Challenge::Basic, _) => Ok(None),
            (Challenge::Bearer { realm, service }, credentials) => {
                let key = subject.scopes.join(" ");
                if let Some(token) = state.tokens.get(&key)
                    && Instant::now() < token.renew_at
                {
                    return Ok(Some(token.header.clone()));
                }
                let request =
                    self.token_request(host, &realm, service, subject, &credentials).await?;
                let token = self.fetch_token(request, subject, credentials.is_some()).await?;
                let header = token.header.clone();
                state.keep(key, token);
                Ok(Some(header))
            }
        }
    }

    /// Learns from a 401 that the header `sent` got. Afterwards [`Authorizer::header`] gives another
    /// header, if there is one worth trying.
    pub(super) async fn learn(
        &self,
        answer: &HeaderMap,
        sent: Option<&HeaderValue>,
        subject: &Subject<'_>,
    ) {
        let mut state = self.state.lock().await;
        state.challenge = challenge::parse(answer).or(state.challenge.take());
        if sent.is_none() {
            return;
        }
        // The token ended early, or the password changed: get new ones. A helper's passwords live
        // for hours only.
        let key = subject.scopes.join(" ");
        if state.tokens.get(&key).is_some_and(|token| Some(&token.header) == sent) {
            state.tokens.remove(&key);
        }
        state.credentials.remove(subject.repository);
    }

    /// Whether there are credentials for the repository.
    pub(super) async fn has_credentials(&self, subject: &Subject<'_>) -> bool {
        let state = self.state.lock().await;
        state.credentials.get(subject.repository).is_some_and(Option::is_some)
    }

    async fn token_request(
        &self,
        host: &Host,
        realm: &str,
        service: Option<String>,
        subject: &Subject<'_>,
        credentials: &Option<Credentials>,
    ) -> Result<RequestBuilder, RegistryError> {
        let realm =
            Url::parse(realm).map_err(|_| self.protocol("its token server has no valid URL"))?;
        if !host.http.may_follow(host.base().await?, &realm) {
            return Err(RegistryError::PlainHttp(realm.host_str().unwrap_or_default().to_owned()));
        }
        let client = host.http.for_url(&realm)?;
        let mut fields: Vec<(&str, String)> = Vec::new();
        fields.extend(service.map(|service| ("service", service)));
        if let Some(Credentials::IdentityToken(token)) = credentials {
            fields.push(("grant_type", "refresh_token".to_owned()));
            fields.push(("client_id", CLIENT_ID.to_owned()));
            fields.push(("refresh_token", token.clone()));
            fields.push(("scope", subject.scopes.join(" ")));
            return Ok(post_form(&client, realm, &fields));
        }
        fields.extend(subject.scopes.iter().map(|scope| ("scope", scope.clone())));
        Ok(match credentials {
            Some(Credentials::Password { user, password }) => {
                fields.push(("account", user.clone()));
                client.get(realm).query(&fields).basic_auth(user, Some(password))
            }
            _ => client.get(realm).query(&fields),
        })
    }

    async fn fetch_token(
        &self,
        request: RequestBuilder,
        subject: &Subject<'_>,
        known: bool,
    ) -> Result<Token, RegistryError> {
        let asked_at = Instant::now();
        let response = not_silent(&self.host, None, request.send()).await?;
        let status = response.status();
        let place = || format!("{}/{}", self.host, subject.repository);
        let body = read_start(&self.host, response, MAX_TOKEN_ANSWER_BYTES).await?;
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(RegistryError::Unauthorized { place: place(), known });
        }
        if !status.is_success() {
            let message = error::message(&body);
            let (status, action) = (status.as_u16(), "a request for a token");
            return Err(RegistryError::Status { place: place(), status, action, message });
        }
        let no_token = || self.protocol("its token server's answer has no token");
        // What is wrong in it is not passed on: it may quote the token.
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| no_token())?;
        let text = answer.token.filter(|token| !token.is_empty()).or(answer.access_token);
        let lifetime =
            Duration::from_secs(answer.expires_in.unwrap_or(TOKEN_SECONDS).max(TOKEN_SECONDS));
        let renew_at = asked_at.checked_add(lifetime - TOKEN_MARGIN).unwrap_or(asked_at);
        Ok(Token { header: self.bearer(&text.ok_or_else(no_token)?)?, renew_at })
    }

    fn bearer(&self, token: &str) -> Result<HeaderValue, RegistryError> {
        self.secret(&format!("Bearer {token}"))
    }

    /// A header value that no log shows.
    fn secret(&self, text: &str) -> Result<HeaderValue, RegistryError> {
        let value = HeaderValue::from_str(text);
        let mut value =
            value.map_err(|_| self.protocol("the credentials for it do not fit a header"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn protocol(&self, problem: &str) -> RegistryError {
        RegistryError::Protocol { place: self.host.clone(), problem: problem.to_owned() }
    }
}

/// A form that goes where it is sent and nowhere else: a body that is a stream cannot be sent again,
/// so no redirect passes on what is in it.
fn post_form(client: &Client, url: Url, fields: &[(&str, String)]) -> RequestBuilder {
    // A form's encoding is that of a query (WHATWG URL standard, "urlencoded serializing").
    let mut form = url.clone();
    form.query_pairs_mut().clear().extend_pairs(fields);
    let form = form.query().unwrap_or_default().to_owned();
    let request = client.post(url).header(CONTENT_TYPE, FORM).header(CONTENT_LENGTH, form.len());
    request.body(Body::wrap_stream(stream::once(async { Ok::<_, Infallible>(form) })))
}

impl State {
    /// Keeps a token; those that are over, or too many, go.
    fn keep(&mut self, scopes: String, token: Token) {
        if self.tokens.len() >= MAX_KEPT {
            let now = Instant::now();
            self.tokens.retain(|_, token| now < token.renew_at);
        }
        if self.tokens.len() >= MAX_KEPT {
            self.tokens.clear();
        }
        self.tokens.insert(scopes, token);
    }

    async fn credentials(
        &mut self,
        host: &Host,
        repository: &str,
    ) -> Result<Option<Credentials>, RegistryError> {
        if let Some(known) = self.credentials.get(repository) {
            return Ok(known.clone());
        }
        let found = match host.http.login.as_ref().filter(|login| login.host == host.name) {
            Some(login) => Some(Credentials::from(login)),
            None => {
                let authfile = host.http.authfile.as_deref();
                credentials::look_up(authfile, &host.name, repository).await?
            }
        };
        if self.credentials.len() >= MAX_KEPT {
            self.credentials.clear();
        }
        self.credentials.insert(repository.to_owned(), found.clone());
        Ok(found)
    }
}

impl std::fmt::Debug for State {
    /// Says nothing of the secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("State").field("challenge", &self.challenge).finish_non_exhaustive()
    }
}
