//! Asking a token server (Docker token authentication spec, "Requesting a Token"; RFC 6749, section 6
//! for identity tokens).

use std::convert::Infallible;
use std::time::SystemTime;

use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Client, RequestBuilder, StatusCode, Url};

use super::RegistryError;
use super::body::read_start;
use super::credentials::Credentials;
use super::endpoint::Host;
use super::error_answer;
use super::limits::MAX_TOKEN_ANSWER_BYTES;
use super::subject::Subject;
use super::token_answer::{self, TokenAnswer};

/// How token servers know us.
const CLIENT_ID: &str = "remora";

/// The media type of a form's fields.
const FORM: &str = "application/x-www-form-urlencoded";

/// Gets a token for `subject` from the server at `realm`.
pub(super) async fn fetch(
    host: &Host,
    realm: &str,
    service: Option<String>,
    subject: &Subject<'_>,
    credentials: &Option<Credentials>,
) -> Result<TokenAnswer, RegistryError> {
    let request = request(host, realm, service, subject, credentials).await?;
    let response = host.wait(None, request.send()).await?;
    let status = response.status();
    let place = || host.place(subject.repository);
    let body = read_start(host, response, MAX_TOKEN_ANSWER_BYTES).await?;
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Err(RegistryError::Unauthorized { place: place(), known: credentials.is_some() });
    }
    if !status.is_success() {
        let message = error_answer::message(&body);
        let (status, action) = (status.as_u16(), "a request for a token");
        return Err(RegistryError::Status { place: place(), status, action, message });
    }
    // What is wrong in it is not passed on: it may quote the token.
    let no_token = || host.protocol("its token server's answer has no token");
    token_answer::parse(&body, SystemTime::now()).ok_or_else(no_token)
}

async fn request(
    host: &Host,
    realm: &str,
    service: Option<String>,
    subject: &Subject<'_>,
    credentials: &Option<Credentials>,
) -> Result<RequestBuilder, RegistryError> {
    let realm =
        Url::parse(realm).map_err(|_| host.protocol("its token server has no valid URL"))?;
    let realm = host.in_own_scheme(realm).await?;
    if !host.http.may_follow(host.base().await?, &realm) {
        return Err(RegistryError::PlainHttp(realm.host_str().unwrap_or_default().to_owned()));
    }
    let client = host.client(&realm)?;
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
