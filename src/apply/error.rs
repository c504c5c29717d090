//! The failures of applying a delta.

use std::io;

use crate::artifact::ArtifactError;
use crate::image::{ImageError, ImageId};
use crate::store::StoreError;
use crate::v3::V3Error;
use crate::{Cause, ErrorKind, MemoryError, Remedy};

/// Why a delta could not be applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// An image could not be read.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// The store failed.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// The system does not give the memory that the work takes.
    #[error(transparent)]
    OutOfMemory(#[from] MemoryError),
    /// The base is not the one that the delta was made from.
    #[error("{reference} has the image ID {actual}, but the delta is made from {expected}")]
    WrongBase {
        /// The image given as base.
        reference: String,
        /// The image ID that the delta names.
        expected: ImageId,
        /// The image ID that the base has.
        actual: ImageId,
    },
    /// A v3 delta cannot be applied.
    #[error(transparent)]
    V3(#[from] V3Error),
    /// A delta that is an artifact cannot be applied.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A layer could not be written.
    #[error("cannot write a layer: {0}")]
    Write(#[from] io::Error),
}

impl ApplyError {
    /// Returns whether what was to be applied is no delta at all.
    pub fn is_no_delta(&self) -> bool {
        matches!(
            self,
            ApplyError::V3(V3Error::NotADelta { .. })
                | ApplyError::Artifact(ArtifactError::NotADelta { .. })
        )
    }

    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            ApplyError::Image(error) => error.cause(),
            ApplyError::Store(error) => error.cause(),
            ApplyError::OutOfMemory(error) => error.cause(),
            ApplyError::WrongBase { .. } => Cause::Content,
            ApplyError::V3(error) => error.cause(),
            ApplyError::Artifact(error) => error.cause(),
            ApplyError::Write(error) => Cause::of_io(error),
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if a room below knows one.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            ApplyError::Image(error) => error.remedy(),
            ApplyError::Store(error) => error.remedy(),
            ApplyError::OutOfMemory(error) => error.remedy(),
            ApplyError::WrongBase { .. } => None,
            ApplyError::V3(error) => error.remedy(),
            ApplyError::Artifact(error) => error.remedy(),
            ApplyError::Write(_) => Some(Remedy::FreeStoreSpace),
        }
    }

    /// Returns one line that says what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            ApplyError::Image(error) => error.hint(),
            ApplyError::Store(error) => error.hint(),
            ApplyError::V3(error) => error.hint(),
            ApplyError::Artifact(error) => error.hint(),
            ApplyError::WrongBase { .. } => {
                Some("give the image that the delta was made from".to_owned())
            }
            ApplyError::OutOfMemory(_) | ApplyError::Write(_) => None,
        }
    }
}

impl From<ImageError> for ApplyError {
    fn from(error: ImageError) -> Self {
        ApplyError::Image(Box::new(error))
    }
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        ApplyError::Store(Box::new(error))
    }
}
