//! Why the work on a delta failed.

use crate::apply::ApplyError;
use crate::artifact::ArtifactError;
use crate::image::ImageError;
use crate::server::ServerError;
use crate::store::StoreError;
use crate::v2::V2Error;
use crate::v3::V3Error;
use crate::{Cause, ErrorKind};

/// The error of the room that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    V2(#[from] V2Error),
    #[error(transparent)]
    V3(#[from] V3Error),
}

impl WorkError {
    pub(super) fn cause(&self) -> Cause {
        match self {
            WorkError::Apply(error) => error.cause(),
            WorkError::Artifact(error) => error.cause(),
            WorkError::Image(error) => error.cause(),
            WorkError::Server(error) => error.cause(),
            WorkError::Store(error) => error.cause(),
            WorkError::V2(error) => error.cause(),
            WorkError::V3(error) => error.cause(),
        }
    }

    pub(super) fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }
}
