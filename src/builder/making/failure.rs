//! Why no release came about.

use std::io;

use crate::builder::engine::EngineError;
use crate::builder::running::Stop;
use crate::image::ImageError;
use crate::project::ProjectError;
use crate::release::ReleaseError;

/// Why no release came about.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{}", stopped(*.0))]
    Stopped(Stop),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error("the project cannot be read: {0}")]
    File(#[from] io::Error),
    #[error("the builder has no room for another build: {0}; push again later")]
    NoRoom(io::Error),
    #[error("the builder cannot note that a release begins: {0}")]
    NotNoted(io::Error),
    #[error("the builder has a defect: see its log")]
    Defect,
    #[error("{0}")]
    NotBuildable(String),
    #[error(transparent)]
    Api(#[from] ReleaseError),
    /// The image of a service could not be made.
    #[error("{service}: {error}")]
    Image { service: String, error: Box<ImageFailure> },
}

/// Why an image could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImageFailure {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Registry(#[from] ImageError),
    #[error(transparent)]
    Api(#[from] ReleaseError),
    #[error("{0}")]
    Refused(String),
    /// The build is to end, or another service failed.
    #[error("stopped")]
    Stopped,
}

fn stopped(stop: Stop) -> &'static str {
    match stop {
        Stop::Cancelled => "the build was cancelled",
        Stop::Stopped => "the builder was stopped: push again",
    }
}
