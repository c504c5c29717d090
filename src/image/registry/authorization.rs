//! The `Authorization` header: what the registry asked for, made from the credentials there are
//! (Docker token authentication spec; RFC 7617 for passwords).
//!
//! Nothing is locked while the network or a credential helper is waited for: requests that want the
//! same header wait for the one that fetches it, all others go their way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use reqwest::header::{HeaderMap, HeaderValue};

use super::RegistryError;
use super::challenge::{self, Challenge};
use super::credentials::{self, Credentials};
use super::endpoint::Host;
use super::limits::{MAX_KEPT, TOKEN_MARGIN};
use super::subject::Subject;
use super::token_request;

/// What a registry wants to see, and what is there to show.
#[derive(Debug)]
pub(super) struct Authorizer {
    pub(super) host: Arc<Host>,
    state: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    challenge: Option<Challenge>,
    /// By repository.
    credentials: HashMap<String, Option<Credentials>>,
    /// By scopes.
    tokens: HashMap<String, Token>,
    /// Headers that are being fetched, by scopes.
    flights: HashMap<String, Flight>,
}

/// A header, or that there is nothing to show.
type Header = Result<Option<HeaderValue>, RegistryError>;

/// A header on its way, for all who want it.
type Flight = Shared<BoxFuture<'static, Header>>;

struct Token {
    header: HeaderValue,
    renew_at: Instant,
}

impl Authorizer {
    pub(super) fn new(host: Arc<Host>) -> Self {
        Authorizer { host, state: Mutex::default() }
    }

    /// The header to send. Whoever comes while it is being fetched waits for that one.
    pub(super) async fn header(self: &Arc<Self>, subject: &Subject<'_>) -> Header {
        let key = subject.key();
        let flight = {
            let mut state = self.state();
            if state.challenge.is_none() {
                return Ok(None);
            }
            if let Some(token) = state.tokens.get(&key)
                && Instant::now() < token.renew_at
            {
                return Ok(Some(token.header.clone()));
            }
            let start = || start(Arc::clone(self), key.clone(), subject);
            state.flights.entry(key.clone()).or_insert_with(start).clone()
        };
        flight.await
    }

    /// Learns from a 401 that the header `sent` got. Afterwards [`Authorizer::header`] gives another
    /// header, if there is one worth trying.
    pub(super) fn learn(
        &self,
        answer: &HeaderMap,
        sent: Option<&HeaderValue>,
        subject: &Subject<'_>,
    ) {
        let mut state = self.state();
        state.challenge = challenge::parse(answer).or(state.challenge.take());
        drop(state);
        if let Some(sent) = sent {
            self.forget(sent, subject);
        }
    }

    /// Forgets a header that no longer serves: the token ended early, or the password changed. A
    /// helper's passwords live for hours only.
    pub(super) fn forget(&self, sent: &HeaderValue, subject: &Subject<'_>) {
        let mut state = self.state();
        let key = subject.key();
        if state.tokens.get(&key).is_some_and(|token| token.header == *sent) {
            state.tokens.remove(&key);
        }
        state.credentials.remove(subject.repository);
    }

    /// Whether the registry has asked who is asking.
    pub(super) fn is_wanted(&self) -> bool {
        self.state().challenge.is_some()
    }

    /// Whether there are credentials for the repository.
    pub(super) fn has_credentials(&self, subject: &Subject<'_>) -> bool {
        self.state().credentials.get(subject.repository).is_some_and(Option::is_some)
    }

    async fn obtain(&self, subject: &Subject<'_>) -> Header {
        let host = &*self.host;
        let Some(challenge) = self.state().challenge.clone() else { return Ok(None) };
        let credentials = self.credentials(subject.repository).await?;
        match (challenge, credentials) {
            (_, Some(Credentials::RegistryToken(token))) => bearer(host, &token).map(Some),
            (Challenge::Basic, Some(Credentials::Password { user, password })) => {
                secret(host, &format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
                    .map(Some)
            }
            (Challenge::Basic, _) => Ok(None),
            (Challenge::Bearer { realm, service }, credentials) => {
                let asked_at = Instant::now();
                let answer =
                    token_request::fetch(host, &realm, service, subject, &credentials).await?;
                let header = bearer(host, &answer.token)?;
                let renew_at = asked_at + answer.lifetime.saturating_sub(TOKEN_MARGIN);
                self.state().keep(subject, Token { header: header.clone(), renew_at });
                Ok(Some(header))
            }
        }
    }

    /// The credentials for a repository, looked up once.
    async fn credentials(&self, repository: &str) -> Result<Option<Credentials>, RegistryError> {
        let host = &*self.host;
        if let Some(known) = self.state().credentials.get(repository) {
            return Ok(known.clone());
        }
        if let Some(token) = host.http.tokens.of(&host.name, repository) {
            return Ok(Some(Credentials::RegistryToken(token.to_owned())));
        }
        let found = match host.http.login.as_ref().filter(|login| login.host == host.name) {
            Some(login) => Some(Credentials::from(login)),
            None if host.http.only_given => None,
            None => {
                let authfile = host.http.authfile.as_deref();
                credentials::look_up(authfile, &host.name, repository).await?
            }
        };
        let mut state = self.state();
        if state.credentials.len() >= MAX_KEPT {
            state.credentials.clear();
        }
        state.credentials.insert(repository.to_owned(), found.clone());
        Ok(found)
    }

    fn state(&self) -> MutexGuard<'_, Known> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fetches a header on a task of its own, which goes on if those who wait for it don't.
fn start(authorizer: Arc<Authorizer>, key: String, subject: &Subject<'_>) -> Flight {
    let (repository, scopes) = (subject.repository.to_owned(), subject.scopes.to_vec());
    let host = Arc::clone(&authorizer.host);
    let task = tokio::spawn(async move {
        let subject = Subject { repository: &repository, scopes: &scopes };
        let header = authorizer.obtain(&subject).await;
        authorizer.state().flights.remove(&key);
        header
    });
    let gone = move |_| Err(host.protocol("the question for a token was given up"));
    task.map(|result| result.unwrap_or_else(gone)).boxed().shared()
}

fn bearer(host: &Host, token: &str) -> Result<HeaderValue, RegistryError> {
    secret(host, &format!("Bearer {token}"))
}

/// A header value that no log shows.
fn secret(host: &Host, text: &str) -> Result<HeaderValue, RegistryError> {
    let value = HeaderValue::from_str(text);
    let mut value =
        value.map_err(|_| host.protocol("the credentials for it do not fit a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Known {
    /// Keeps a token; those that are over, or too many, go.
    fn keep(&mut self, subject: &Subject<'_>, token: Token) {
        if self.tokens.len() >= MAX_KEPT {
            let now = Instant::now();
            self.tokens.retain(|_, token| now < token.renew_at);
        }
        if self.tokens.len() >= MAX_KEPT {
            self.tokens.clear();
        }
        self.tokens.insert(subject.key(), token);
    }
}

impl std::fmt::Debug for Known {
    /// Says nothing of the secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Known").field("challenge", &self.challenge).finish_non_exhaustive()
    }
}
