//! The JSON objects of an answer that comes bit by bit, one a line.

use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;

use super::client::{Answer, Client, Connection};
use super::error::EngineError;
use super::lines::cleaned;

/// The largest object: BuildKit puts 100 kB of output into one.
const MAX_OBJECT: usize = 8 << 20;

/// One of them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Object {
    /// Output of a step.
    pub(super) stream: Option<String>,
    /// Progress of a pull or push.
    pub(super) status: Option<String>,
    /// The layer whose progress is told, or the kind of `aux`.
    pub(super) id: Option<String>,
    #[serde(rename = "progressDetail")]
    pub(super) progress: Option<Detail>,
    pub(super) aux: Option<Value>,
    #[serde(rename = "errorDetail")]
    pub(super) error_detail: Option<Failure>,
    pub(super) error: Option<String>,
}

/// Bytes done and to do.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Detail {
    pub(super) current: Option<u64>,
    pub(super) total: Option<u64>,
}

/// A failure within an answer that began well.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Failure {
    #[serde(default)]
    pub(super) code: Option<i64>,
    #[serde(default)]
    pub(super) message: String,
}

impl Object {
    /// Takes out the failure, if there is one.
    pub(super) fn failure(&mut self) -> Option<Failure> {
        let plain = self.error.take();
        let mut failure = match self.error_detail.take() {
            Some(failure) if !failure.message.is_empty() || plain.is_none() => failure,
            _ => Failure { code: None, message: plain? },
        };
        failure.message = cleaned(&failure.message);
        Some(failure)
    }

    /// Returns the ID of the image, if the object tells it.
    pub(super) fn image(&self) -> Option<&str> {
        self.aux.as_ref()?.get("ID")?.as_str()
    }
}

/// The objects of one answer.
pub(super) struct Objects<'a> {
    client: &'a Client,
    body: Incoming,
    _connection: Connection,
    buffer: BytesMut,
    /// How much of the buffer holds no line's end.
    searched: usize,
}

impl<'a> Objects<'a> {
    pub(super) fn new(client: &'a Client, answer: Answer) -> Self {
        let (body, connection) = (answer.response.into_body(), answer.connection);
        Objects { client, body, _connection: connection, buffer: BytesMut::new(), searched: 0 }
    }

    /// The next one; `None` at the end. Whoever gives up waiting may ask again.
    pub(super) async fn next(&mut self) -> Result<Option<Object>, EngineError> {
        loop {
            if let Some(object) = self.line()? {
                return Ok(Some(object));
            }
            if self.buffer.len() > MAX_OBJECT {
                return Err(self.client.nonsense(&"an object larger than 8 MiB"));
            }
            let Some(frame) = self.body.frame().await else { return self.rest() };
            let frame = frame.map_err(|error| self.client.lost(&error))?;
            self.buffer.extend_from_slice(frame.data_ref().map_or(&[], |bytes| bytes));
        }
    }

    /// The next complete line of the buffer; empty ones are passed over.
    fn line(&mut self) -> Result<Option<Object>, EngineError> {
        while let Some(end) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
            let line = self.buffer.split_to(self.searched + end);
            self.buffer.advance(1);
            self.searched = 0;
            if !line.trim_ascii().is_empty() {
                return self.parsed(&line).map(Some);
            }
        }
        self.searched = self.buffer.len();
        Ok(None)
    }

    /// What stands after the last line's end.
    fn rest(&mut self) -> Result<Option<Object>, EngineError> {
        let rest = self.buffer.split();
        self.searched = 0;
        if rest.trim_ascii().is_empty() { Ok(None) } else { self.parsed(&rest).map(Some) }
    }

    fn parsed(&self, line: &[u8]) -> Result<Object, EngineError> {
        serde_json::from_slice(line).map_err(|error| self.client.nonsense(&error))
    }
}
