//! Requests to one repository: authorized, repeated where that helps, and their failures explained.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Body, Method, Response, ResponseBuilderExt as _, StatusCode, Url};

use super::RegistryError;
use super::authorization::Authorizer;
use super::body::read_start;
use super::endpoint::Host;
use super::error::is_passing;
use super::error_answer;
use super::http_client::same_origin;
use super::limits::MAX_ERROR_ANSWER_BYTES;
use super::retry::{RetryPolicy, retry_after};
use super::subject::Subject;

/// Tries to authenticate one request: the first shows what is wanted, the second may find that the
/// token at hand is over, the third has everything fresh.
const AUTHORIZATION_ROUNDS: usize = 3;

/// What is to be done in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Read.
    Pull,
    /// Read and write.
    Push,
}

/// A repository and what is to be done there.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) host: Arc<Host>,
    authorizer: Arc<Authorizer>,
    pub(super) repository: String,
    scopes: Vec<String>,
}

/// A request that can be sent several times.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// What errors say was asked.
    pub(super) action: &'static str,
    /// Makes the body anew for every attempt.
    pub(super) body: Option<Box<dyn Fn() -> Body + Send + Sync>>,
    /// Moves while the body goes out.
    pub(super) activity: Option<Arc<AtomicU64>>,
}

impl Call {
    /// A request without body or headers of its own.
    pub(super) fn new(method: Method, url: Url, action: &'static str) -> Self {
        Call { method, url, headers: HeaderMap::new(), action, body: None, activity: None }
    }
}

impl Session {
    pub(super) fn new(authorizer: Arc<Authorizer>, repository: &str, access: Access) -> Self {
        let scope = match access {
            Access::Pull => pull_scope(repository),
            Access::Push => format!("{},push", pull_scope(repository)),
        };
        let host = Arc::clone(&authorizer.host);
        Session { host, authorizer, repository: repository.to_owned(), scopes: vec![scope] }
    }

    /// Requests that are about no repository.
    pub(super) fn of_registry(authorizer: Arc<Authorizer>) -> Self {
        let host = Arc::clone(&authorizer.host);
        Session { host, authorizer, repository: String::new(), scopes: Vec::new() }
    }

    /// The same, with leave to read `other` too, for mounting its blobs.
    pub(super) fn reading_also(&self, other: &str) -> Self {
        let mut scopes = self.scopes.clone();
        scopes.push(pull_scope(other));
        let (host, authorizer) = (Arc::clone(&self.host), Arc::clone(&self.authorizer));
        Session { host, authorizer, repository: self.repository.clone(), scopes }
    }

    /// Registry and repository, as errors name them.
    pub(super) fn place(&self) -> String {
        self.host.place(&self.repository)
    }

    /// The URL of something in the repository.
    pub(super) async fn url(&self, path: &str) -> Result<Url, RegistryError> {
        self.url_in(&self.repository, path).await
    }

    /// The URL of something in another repository of the registry.
    pub(super) async fn url_in(&self, repository: &str, path: &str) -> Result<Url, RegistryError> {
        let url = self.host.base().await?.join(&format!("{repository}/{path}"));
        url.map_err(|error| self.protocol(format!("no URL can be made for it: {error}")))
    }

    /// Sends a request until there is an answer that will not change by asking again.
    pub(super) async fn call(&self, call: &Call) -> Result<Response, RegistryError> {
        let mut attempts = self.attempts();
        loop {
            match self.send(call).await {
                Ok(response) if is_passing(response.status()) => {
                    let asked = self.asked_pause(&response)?;
                    attempts.failed(self.failure(response, call.action).await, asked).await?;
                }
                Ok(response) => return Ok(response),
                Err(error) => attempts.failed(error, None).await?,
            }
        }
    }

    /// Sends a request once, apart from what authentication needs, and once more if a redirect led to
    /// a storage host that refuses: the URL with its signature may have ended on the way.
    pub(super) async fn send(&self, call: &Call) -> Result<Response, RegistryError> {
        let response = self.send_authorized(call).await?;
        let repeatable = [Method::GET, Method::HEAD].contains(&call.method);
        let was_redirected = !same_origin(&call.url, response.url());
        if repeatable && was_redirected && self.is_refused_elsewhere(&response).await? {
            return self.send_authorized(call).await;
        }
        Ok(response)
    }

    /// Whether another host than the registry refuses, as storage does whose signed URL has ended.
    pub(super) async fn is_refused_elsewhere(
        &self,
        response: &Response,
    ) -> Result<bool, RegistryError> {
        let refused = [StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN].contains(&response.status());
        Ok(refused && !same_origin(self.host.base().await?, response.url()))
    }

    async fn send_authorized(&self, call: &Call) -> Result<Response, RegistryError> {
        let subject = Subject { repository: &self.repository, scopes: &self.scopes };
        let own = same_origin(self.host.base().await?, &call.url);
        let mut refused = None;
        for _ in 0..AUTHORIZATION_ROUNDS {
            // What leads elsewhere (upload URLs may) is not for our credentials.
            let authorizer = &self.authorizer;
            let header = if own { authorizer.header(&subject).await? } else { None };
            if refused.as_ref() == Some(&header) {
                break;
            }
            let response = self.send_with(call, header.as_ref()).await?;
            // A storage host that a redirect led to has no say in where credentials go.
            let is_registrys = own && same_origin(self.host.base().await?, response.url());
            if !is_registrys {
                return Ok(response);
            }
            match self.is_over(response, header.as_ref(), matches!(refused, Some(Some(_)))).await? {
                Verdict::Answer(response) => return Ok(response),
                Verdict::Again(headers) => authorizer.learn(&headers, header.as_ref(), &subject),
            }
            refused = Some(header);
        }
        let known = self.authorizer.has_credentials(&subject);
        Err(RegistryError::Unauthorized { place: self.place(), known })
    }

    /// Whether an answer is about the header that was sent: a 401 is, and also a 400 or 403 that says so in
    /// words, unless something was `refused` before.
    async fn is_over(
        &self,
        response: Response,
        sent: Option<&HeaderValue>,
        refused: bool,
    ) -> Result<Verdict, RegistryError> {
        match response.status() {
            StatusCode::UNAUTHORIZED => return Ok(Verdict::Again(response.headers().clone())),
            StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN if sent.is_some() && !refused => {}
            _ => return Ok(Verdict::Answer(response)),
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let url = response.url().clone();
        let body = read_start(&self.host, response, MAX_ERROR_ANSWER_BYTES).await?;
        if error_answer::says_token_is_over(&body) {
            return Ok(Verdict::Again(headers));
        }
        let mut answer = http::Response::builder().status(status).url(url);
        if let Some(all) = answer.headers_mut() {
            *all = headers;
        }
        let answer = answer.body(body).map_err(|_| self.protocol("an answer can't be read"))?;
        Ok(Verdict::Answer(answer.into()))
    }

    async fn send_with(
        &self,
        call: &Call,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, RegistryError> {
        self.host.until_free().await?;
        let client = self.host.client(&call.url)?;
        let mut request = client.request(call.method.clone(), call.url.clone());
        request = request.headers(call.headers.clone());
        if let Some(header) = authorization {
            request = request.header(AUTHORIZATION, header);
        }
        if let Some(body) = &call.body {
            request = request.body(body());
        }
        self.host.wait(call.activity.as_deref(), request.send()).await
    }

    /// Gets a document, or its first `limit` bytes. `None` if it is not there.
    pub(super) async fn get_start(
        &self,
        call: &Call,
        limit: usize,
    ) -> Result<Option<(HeaderMap, Vec<u8>)>, RegistryError> {
        let mut attempts = self.attempts();
        loop {
            let response = self.call(call).await?;
            match response.status() {
                StatusCode::NOT_FOUND => return Ok(None),
                StatusCode::OK => {}
                _ => return Err(self.failure(response, call.action).await),
            }
            let headers = response.headers().clone();
            match read_start(&self.host, response, limit).await {
                Ok(body) => return Ok(Some((headers, body))),
                Err(error) => attempts.failed(error, None).await?,
            }
        }
    }

    /// The error that an answer without success is.
    pub(super) async fn failure(&self, response: Response, action: &'static str) -> RegistryError {
        let status = response.status();
        let body = read_start(&self.host, response, MAX_ERROR_ANSWER_BYTES).await;
        let message = error_answer::message(&body.unwrap_or_default());
        let place = self.place();
        match status {
            StatusCode::FORBIDDEN => RegistryError::Denied { place, message },
            _ => RegistryError::Status { place, status: status.as_u16(), action, message },
        }
    }

    /// The pause that an answer asks for; an error where that is too long.
    pub(super) fn asked_pause(
        &self,
        response: &Response,
    ) -> Result<Option<Duration>, RegistryError> {
        let asked = retry_after(response.headers());
        if let Some(pause) = asked {
            self.host.leave_alone(response.status(), pause);
            if pause > self.host.http.longest_pause {
                let (host, status) = (self.host.name.clone(), response.status().as_u16());
                return Err(RegistryError::Busy { host, status, seconds: pause.as_secs() });
            }
        }
        Ok(asked)
    }

    /// A new count of attempts.
    pub(super) fn attempts(&self) -> Attempts {
        Attempts { policy: self.host.http.retry, failures: 0, host: self.host.name.clone() }
    }

    pub(super) fn protocol(&self, problem: impl Into<String>) -> RegistryError {
        RegistryError::Protocol { place: self.place(), problem: problem.into() }
    }
}

/// What an answer means for the credentials that were shown.
enum Verdict {
    /// They have nothing to do with it.
    Answer(Response),
    /// Others are to be shown; the headers say which.
    Again(HeaderMap),
}

/// How often something has failed in a row.
pub(super) struct Attempts {
    policy: RetryPolicy,
    failures: u32,
    host: String,
}

impl Attempts {
    /// Waits before the next attempt, or gives the error back if there is to be none.
    pub(super) async fn failed(
        &mut self,
        error: RegistryError,
        asked: Option<Duration>,
    ) -> Result<(), RegistryError> {
        self.failures += 1;
        if !error.may_retry() {
            return Err(error);
        }
        let Some(pause) = self.policy.pause(self.failures, asked) else { return Err(error) };
        let seconds = pause.as_secs_f64();
        tracing::warn!(host = self.host, %error, "trying again in {seconds:.1} s");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// There was progress: what fails next is the first failure.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

fn pull_scope(repository: &str) -> String {
    format!("repository:{repository}:pull")
}
