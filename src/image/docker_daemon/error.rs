//! The failures of engines as places of images.

use std::io;

use crate::engine::{AddressError, CertificatesError};
use crate::quote::quoted;
use crate::{Cause, Remedy};

/// Why an engine does not give or take an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// The engine's address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// What is shown to the engine can't be used.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// Nobody answers there.
    #[error("cannot reach the engine {engine}: {source}")]
    Unreachable {
        /// The engine.
        engine: String,
        /// The system's error.
        source: io::Error,
    },
    /// This machine and the engine don't trust each other.
    #[error("no trust between this machine and the engine {engine}: {reason}")]
    Tls {
        /// The engine.
        engine: String,
        /// Why not.
        reason: String,
    },
    /// The engine refuses a call.
    #[error("the engine {engine} answered {status}: {}", quoted(message))]
    Answer {
        /// The engine.
        engine: String,
        /// The HTTP status.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// The engine does not take an image.
    #[error("the engine {engine} does not take the image: {}", quoted(message))]
    Refused {
        /// The engine.
        engine: String,
        /// The engine's words.
        message: String,
    },
    /// The connection broke.
    #[error("the connection to the engine {engine} broke: {reason}")]
    Lost {
        /// The engine.
        engine: String,
        /// How that showed.
        reason: String,
    },
}

impl DaemonError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            DaemonError::Address(_) => Cause::Usage,
            DaemonError::Certificates(_) => Cause::Credentials,
            DaemonError::Unreachable { source, .. } if is_denied(source) => Cause::Permission,
            DaemonError::Unreachable { .. } | DaemonError::Lost { .. } => Cause::Unreachable,
            DaemonError::Tls { .. } => Cause::Tls,
            DaemonError::Answer { status: 500.., .. } => Cause::Passing,
            DaemonError::Answer { .. } | DaemonError::Refused { .. } => Cause::Refused,
        }
    }

    /// Returns the remedy, if one is known.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            DaemonError::Unreachable { source, .. } if is_denied(source) => {
                Some(Remedy::JoinEngineGroup)
            }
            DaemonError::Unreachable { .. } => Some(Remedy::StartEngine),
            _ => None,
        }
    }
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_may_not_be_used_is_told_from_one_that_is_away() {
        use io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied, TimedOut};
        for (kind, cause, remedy) in [
            (PermissionDenied, Cause::Permission, Remedy::JoinEngineGroup),
            (NotFound, Cause::Unreachable, Remedy::StartEngine),
            (ConnectionRefused, Cause::Unreachable, Remedy::StartEngine),
            (TimedOut, Cause::Unreachable, Remedy::StartEngine),
        ] {
            let engine = "unix:///var/run/docker.sock".to_owned();
            let error = DaemonError::Unreachable { engine, source: kind.into() };
            assert_eq!((error.cause(), error.remedy()), (cause, Some(remedy)), "{kind:?}");
        }
    }
}
