//! What can go wrong with the builder itself; what can go wrong with one build is told in its answer.

use super::engine::EngineError;
use crate::release::ReleaseError;
use crate::serving::ServingError;
use crate::{Cause, ErrorKind, Remedy};

/// Why the builder cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuilderError {
    /// The builder cannot be a server, whatever it serves.
    #[error(transparent)]
    Serving(#[from] ServingError),
    /// The engines cannot be used as they are set.
    #[error(transparent)]
    Engines(#[from] EngineError),
    /// The way to openBalena cannot be set up.
    #[error(transparent)]
    Installation(#[from] ReleaseError),
}

impl BuilderError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            BuilderError::Serving(error) => error.cause(),
            BuilderError::Engines(error) => error.cause(),
            BuilderError::Installation(error) => error.cause(),
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if a room below knows one.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            BuilderError::Serving(error) => error.remedy(),
            BuilderError::Installation(error) => error.remedy(),
            BuilderError::Engines(_) => None,
        }
    }

    /// Returns one line that says what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            BuilderError::Serving(error) => error.hint(),
            BuilderError::Installation(error) => error.hint(),
            BuilderError::Engines(_) => None,
        }
    }
}
