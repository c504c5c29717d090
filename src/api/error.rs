//! What can go wrong with asking a delta server.

use std::io;
use std::path::PathBuf;

use super::connection::ConnectionError;
use crate::quote::quoted;
use crate::{Cause, ErrorKind, Remedy};

/// Why a delta server could not be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The certificates to trust could not be read.
    #[error("cannot read {}: {source}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The system refuses what a client needs.
    #[error("the system refuses what a client needs: {0}")]
    System(io::Error),
    /// The text that should be a delta server's URL is none.
    #[error("{} is not the URL of a server", quoted(.0))]
    ServerUrl(String),
    /// A delta server cannot be reached, or makes no sense.
    #[error("cannot ask the delta server {server}: {reason}")]
    Unreachable {
        /// The server's host, with the port if the URL has one.
        server: String,
        /// The reason.
        reason: String,
    },
    /// A delta server refuses.
    #[error("the delta server {server} answered {status}: {}", reason.trim())]
    Answer {
        /// The server's host, with the port if the URL has one.
        server: String,
        /// The HTTP status.
        status: u16,
        /// The server's words.
        reason: String,
    },
}

impl ApiError {
    /// Whether a delta server that answers so may answer otherwise a while later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            ApiError::Unreachable { .. } => true,
            ApiError::Answer { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            ApiError::CaFile { source, .. } => Cause::of_io(source),
            ApiError::System(_) => Cause::Resources,
            ApiError::ServerUrl(_) => Cause::Usage,
            ApiError::Unreachable { .. } => Cause::Unreachable,
            ApiError::Answer { status, .. } => match status {
                401 => Cause::Unauthorized,
                403 => Cause::Denied,
                404 => Cause::Missing,
                // The server's own limits say 503: too many requests, or deltas to be made.
                429 | 503 => Cause::RateLimited,
                400..500 => Cause::Refused,
                _ => Cause::Passing,
            },
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if it is more than a text.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            ApiError::Answer { status: 401 | 403, .. } => Some(Remedy::GiveBuilderCredential),
            _ => None,
        }
    }

    /// Returns one line that says what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            ApiError::CaFile { .. } => "see that the file is there and may be read",
            ApiError::ServerUrl(_) => "write http://HOST[:PORT] or https://HOST[:PORT]",
            ApiError::Unreachable { .. } => "check the server's name and the network",
            ApiError::Answer { status: 503 | 504, .. } => "run the same again a while later",
            ApiError::Answer { .. } | ApiError::System(_) => return None,
        };
        Some(hint.to_owned())
    }
}

impl From<ConnectionError> for ApiError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Url(text) => ApiError::ServerUrl(text),
            ConnectionError::CaFile { path, source } => ApiError::CaFile { path, source },
            ConnectionError::System(source) => ApiError::System(source),
            ConnectionError::Unreachable { server, reason }
            | ConnectionError::Nonsense { server, reason } => {
                ApiError::Unreachable { server, reason }
            }
        }
    }
}
