//! Calls of an engine's API, each on a connection of its own: whoever drops an answer closes the connection, and the
//! engine stops what it does for it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

use super::error::EngineError;
use super::lines::cleaned;
use crate::engine::{EngineAddress, NoConnection, connect};

/// The largest answer that is kept: lists of images are long.
const MAX_ANSWER: usize = 32 << 20;
/// The largest refusal that is read.
const MAX_REFUSAL: usize = 64 << 10;

/// How long the reason is waited for why a connection has ended.
const ENDING: Duration = Duration::from_secs(1);

/// What is sent along with a call.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The way to one engine.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) address: EngineAddress,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) connect: Duration,
    pub(super) silence: Duration,
}

/// An answer that is still coming.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    pub(super) connection: Connection,
}

/// What drives a connection; dropped, the connection is closed.
pub(super) struct Connection(JoinHandle<hyper::Result<()>>);

impl Connection {
    /// What ended the connection, where its end is all that a call heard of.
    async fn end(&mut self) -> Option<hyper::Error> {
        let ended = tokio::time::timeout(ENDING, &mut self.0).await;
        ended.ok()?.ok()?.err()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A call without a body.
pub(super) fn call(method: Method, path: &str) -> Request<Body> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap_or_default();
    request
}

impl Client {
    /// Returns the engine's name in messages.
    pub(super) fn name(&self) -> String {
        self.address.to_string()
    }

    /// Sends a call; a refusal is an error.
    pub(super) async fn send(&self, mut request: Request<Body>) -> Result<Answer, EngineError> {
        let host = HeaderValue::from_str(&self.address.authority());
        request.headers_mut().insert(header::HOST, host.map_err(|error| self.nonsense(&error))?);
        let pipe = connect(&self.address, self.tls.as_ref(), self.connect).await;
        let pipe = pipe.map_err(|error| self.not_connected(error))?;
        let shaken = http1::handshake(TokioIo::new(pipe)).await;
        let (mut sender, driver) = shaken.map_err(|error| self.broken(&error))?;
        let driver = driver.with_upgrades();
        let mut connection = Connection(tokio::spawn(driver));
        let response = match sender.send_request(request).await {
            Ok(response) => response,
            Err(error) if error.is_canceled() => {
                return Err(self.broken(&connection.end().await.unwrap_or(error)));
            }
            Err(error) => return Err(self.broken(&error)),
        };
        match response.status().as_u16() {
            101 | 200..300 => Ok(Answer { response, connection }),
            _ => Err(self.refused(Answer { response, connection }).await),
        }
    }

    /// Sends a call and reads its answer, which an engine gives soon.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        request: Request<Body>,
    ) -> Result<T, EngineError> {
        let bytes = self.answered(request, self.silence).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.nonsense(&error))
    }

    /// Sends a call whose answer is not looked at.
    pub(super) async fn tell(
        &self,
        request: Request<Body>,
        limit: Duration,
    ) -> Result<(), EngineError> {
        self.answered(request, limit).await.map(drop)
    }

    async fn answered(
        &self,
        request: Request<Body>,
        limit: Duration,
    ) -> Result<Bytes, EngineError> {
        let reading = async {
            let Answer { response, connection } = self.send(request).await?;
            let bytes = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            drop(connection);
            bytes.map(|bytes| bytes.to_bytes()).map_err(|error| self.lost(&error))
        };
        let silent = |_| EngineError::Silent { engine: self.name(), after: limit };
        tokio::time::timeout(limit, reading).await.map_err(silent)?
    }

    async fn refused(&self, answer: Answer) -> EngineError {
        let status = answer.response.status().as_u16();
        let reading = Limited::new(answer.response.into_body(), MAX_REFUSAL).collect();
        let text = match tokio::time::timeout(self.silence, reading).await {
            Ok(Ok(text)) => text.to_bytes(),
            _ => Bytes::new(),
        };
        let message = match serde_json::from_slice(&text) {
            Ok(Refusal { message }) => message,
            Err(_) => String::from_utf8_lossy(&text).into_owned(),
        };
        EngineError::Answer { engine: self.name(), status, message: cleaned(&message) }
    }

    fn not_connected(&self, error: NoConnection) -> EngineError {
        let engine = self.name();
        match error {
            NoConnection::Unreachable(error) => {
                EngineError::Unreachable { engine, reason: error.to_string() }
            }
            NoConnection::Tls(reason) => EngineError::Tls { engine, reason },
        }
    }

    /// The connection broke before an answer came.
    fn broken(&self, error: &hyper::Error) -> EngineError {
        let reason = chain(error);
        // With TLS 1.3 a client hears that its certificate is refused when it reads first.
        if reason.contains("alert") {
            return EngineError::Tls { engine: self.name(), reason };
        }
        EngineError::Lost { engine: self.name(), reason }
    }

    pub(super) fn lost(&self, reason: &dyn std::fmt::Display) -> EngineError {
        EngineError::Lost { engine: self.name(), reason: reason.to_string() }
    }

    pub(super) fn nonsense(&self, reason: &dyn std::fmt::Display) -> EngineError {
        EngineError::Protocol { engine: self.name(), reason: reason.to_string() }
    }
}

/// How engines say no.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// An error with what it comes from.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}
