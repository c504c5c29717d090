//! One call of an engine's API, on a connection of its own: whoever drops an answer closes the connection.

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
use tokio::task::JoinHandle;

use super::error::DaemonError;
use crate::engine::{EngineAddress, NoConnection, certificates_for, connect};
use crate::image::EnginePlace;

/// Where engines listen on a machine of their own.
const USUAL: &str = "unix:///var/run/docker.sock";

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an engine may take for an answer that it need not work for.
const SOON: Duration = Duration::from_secs(30);

/// How much is kept of what an engine says.
const MAX_WORDS: usize = 64 << 10;

/// What is sent along with a call.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The engine.
#[derive(Debug)]
pub(super) struct Engine {
    address: EngineAddress,
    tls: Option<Arc<ClientConfig>>,
}

/// An answer that is still coming.
pub(super) struct Answer {
    pub(super) body: Incoming,
    _connection: Connection,
}

/// What drives a connection; dropped, the connection is closed.
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A call without a body.
pub(super) fn call(method: Method, path: &str) -> Request<Body> {
    with_body(method, path, Empty::new().map_err(|never| match never {}).boxed_unsync())
}

/// A call with a body.
pub(super) fn with_body(method: Method, path: &str, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap_or_default();
    request
}

impl Engine {
    /// The engine that is there.
    pub(super) fn at(place: &EnginePlace) -> Result<Self, DaemonError> {
        let host = place.host.as_deref().unwrap_or(USUAL);
        let address = EngineAddress::parse(host, place.tls)?;
        let tls = certificates_for(&address, place.certificates.as_deref())?;
        Ok(Engine { address, tls })
    }

    /// The engine's name in messages.
    pub(super) fn name(&self) -> String {
        self.address.to_string()
    }

    /// Sends a call; a refusal is an error.
    pub(super) async fn send(&self, mut request: Request<Body>) -> Result<Answer, DaemonError> {
        let host = HeaderValue::from_str(&self.address.authority());
        request.headers_mut().insert(header::HOST, host.map_err(|error| self.lost(&error))?);
        let pipe = connect(&self.address, self.tls.as_ref(), CONNECT).await;
        let pipe = pipe.map_err(|error| self.not_connected(error))?;
        let shaken = http1::handshake(TokioIo::new(pipe)).await;
        let (mut sender, driver) = shaken.map_err(|error| self.lost(&error))?;
        let connection = Connection(tokio::spawn(async move {
            // What ends the connection, the call hears of itself.
            let _ = driver.await;
        }));
        let response = sender.send_request(request).await.map_err(|error| self.lost(&error))?;
        if response.status().is_success() {
            return Ok(Answer { body: response.into_body(), _connection: connection });
        }
        Err(self.refused(response).await)
    }

    /// Sends a call that the engine answers without working for it.
    pub(super) async fn answer_soon(&self, request: Request<Body>) -> Result<Answer, DaemonError> {
        let silent = |_| self.lost(&format!("no answer within {} s", SOON.as_secs()));
        tokio::time::timeout(SOON, self.send(request)).await.map_err(silent)?
    }

    /// All that the engine says at the end of a call.
    pub(super) async fn words(&self, answer: Answer) -> Result<Bytes, DaemonError> {
        let words = Limited::new(answer.body, MAX_WORDS).collect().await;
        words.map(|words| words.to_bytes()).map_err(|error| self.lost(&error))
    }

    async fn refused(&self, response: Response<Incoming>) -> DaemonError {
        let status = response.status().as_u16();
        let reading = Limited::new(response.into_body(), MAX_WORDS).collect();
        let words = match tokio::time::timeout(SOON, reading).await {
            Ok(Ok(words)) => words.to_bytes(),
            _ => Bytes::new(),
        };
        let message = match serde_json::from_slice(&words) {
            Ok(Refusal { message }) => message,
            Err(_) => String::from_utf8_lossy(&words).into_owned(),
        };
        DaemonError::Answer { engine: self.name(), status, message }
    }

    fn not_connected(&self, error: NoConnection) -> DaemonError {
        let engine = self.name();
        match error {
            NoConnection::Unreachable(source) => DaemonError::Unreachable { engine, source },
            NoConnection::Tls(reason) => DaemonError::Tls { engine, reason },
        }
    }

    /// The connection broke.
    pub(super) fn lost(&self, reason: &dyn std::fmt::Display) -> DaemonError {
        DaemonError::Lost { engine: self.name(), reason: reason.to_string() }
    }
}

/// How engines say no.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}
