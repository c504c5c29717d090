//! The failures of making, reading and applying artifacts.

use std::io;

use super::LayerDeltaError;
use crate::image::{Excess, ImageError};
use crate::progress::Cancelled;
use crate::rootfs::RootfsError;
use crate::store::StoreError;
use crate::{Cause, Dialect, ErrorKind, MemoryError, Remedy};

/// Why an artifact could not be made, read or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// An image, or the artifact, could not be read.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// The store failed.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// The system does not give the memory that the work takes.
    #[error(transparent)]
    OutOfMemory(#[from] MemoryError),
    /// The base's layers are no file tree, which oci-delta takes its bytes from.
    #[error("the base image: {0}")]
    Tree(#[from] RootfsError),
    /// It is an image, or another artifact.
    #[error("{reference} is not a delta")]
    NotADelta {
        /// The reference.
        reference: String,
    },
    /// The artifact is a delta that contradicts itself, or lacks something.
    #[error("{reference}: {problem}")]
    Malformed {
        /// The artifact.
        reference: String,
        /// The problem.
        problem: String,
    },
    /// Deltas of the dialect are not artifacts.
    #[error("a {0} delta is no artifact")]
    OtherDialect(Dialect),
    /// oci-delta names layers by the digests of their blobs, and there are none.
    #[error("{reference} has no manifest, and an oci-delta has to name the digests in it")]
    NoManifest {
        /// The target.
        reference: String,
    },
    /// The target's signatures are more, or larger, than readers take.
    #[error("the target's signatures cannot be brought along: {0}")]
    Signatures(String),
    /// Neither delta nor base have a layer.
    #[error("{reference} leaves out layer {layer}, which the base does not have")]
    MissingLayer {
        /// The artifact.
        reference: String,
        /// Number of the layer, counted from 1 at the bottom.
        layer: usize,
    },
    /// One layer of a delta cannot be rebuilt.
    #[error("layer {layer}: {source}")]
    Layer {
        /// Number of the layer, counted from 1 at the bottom.
        layer: usize,
        /// The problem with it.
        source: LayerDeltaError,
    },
    /// A delta that was just made does not make its target; it was not published.
    #[error("the delta just made does not rebuild the target and was discarded: {0}")]
    Unverified(#[source] Box<ArtifactError>),
    /// The target is so much larger than base and delta that nobody would apply the delta.
    #[error("the target's layers have {0}, base and delta together")]
    TooLarge(Excess),
    /// A blob could not be written.
    #[error("cannot write a layer blob: {0}")]
    Write(#[from] io::Error),
}

impl ArtifactError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            ArtifactError::Image(error) => error.cause(),
            ArtifactError::Store(error) => error.cause(),
            ArtifactError::OutOfMemory(error) => error.cause(),
            ArtifactError::Tree(error) => error.cause(),
            ArtifactError::Layer { source, .. } => source.cause(),
            ArtifactError::Write(error) => Cause::of_io(error),
            ArtifactError::Unverified(_) => Cause::Defect,
            ArtifactError::TooLarge(_) | ArtifactError::Signatures(_) => Cause::TooLarge,
            ArtifactError::OtherDialect(_) | ArtifactError::NoManifest { .. } => Cause::Usage,
            ArtifactError::NotADelta { .. }
            | ArtifactError::Malformed { .. }
            | ArtifactError::MissingLayer { .. } => Cause::Content,
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if a room below knows one.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            ArtifactError::Image(error) => error.remedy(),
            ArtifactError::Store(error) => error.remedy(),
            ArtifactError::OutOfMemory(error) => error.remedy(),
            ArtifactError::Tree(_) => Some(Remedy::FormatWithoutTree),
            ArtifactError::TooLarge(_) => Some(Remedy::LargerLayers),
            ArtifactError::Signatures(_) => Some(Remedy::LeaveOutSignatures),
            ArtifactError::Layer { source, .. } => source.remedy(),
            ArtifactError::NotADelta { .. } => Some(Remedy::GiveDelta),
            ArtifactError::Write(_) => Some(Remedy::FreeStoreSpace),
            ArtifactError::NoManifest { .. } => Some(Remedy::ManifestOrOtherFormat),
            _ => None,
        }
    }

    /// Returns one line that says what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            ArtifactError::Image(error) => return error.hint(),
            ArtifactError::Store(error) => return error.hint(),
            ArtifactError::Tree(error) => return error.hint(),
            ArtifactError::Layer { source: LayerDeltaError::Read(error), .. } => {
                return error.hint();
            }
            ArtifactError::Layer { source, .. } if source.cause() == Cause::Content => {
                "the delta is damaged or was made for something else: make it again"
            }
            ArtifactError::Malformed { .. } | ArtifactError::MissingLayer { .. } => {
                "make the delta again"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    pub(super) fn layer(index: usize) -> impl FnOnce(LayerDeltaError) -> Self {
        move |source| ArtifactError::Layer { layer: index + 1, source }
    }

    /// Returns the finding of a proof: a defect of what was made, unless disk or caller kept the proof from being
    /// made, or a layer in the store is damaged.
    pub(super) fn of_proof(self, check_layers: impl FnOnce() -> Result<(), StoreError>) -> Self {
        if self.kind() != ErrorKind::Content {
            return self;
        }
        match check_layers() {
            Err(error) => error.into(),
            Ok(()) => ArtifactError::Unverified(Box::new(self)),
        }
    }
}

impl From<ImageError> for ArtifactError {
    fn from(error: ImageError) -> Self {
        ArtifactError::Image(Box::new(error))
    }
}

impl From<StoreError> for ArtifactError {
    fn from(error: StoreError) -> Self {
        ArtifactError::Store(Box::new(error))
    }
}

impl From<Cancelled> for ArtifactError {
    fn from(error: Cancelled) -> Self {
        ImageError::from(error).into()
    }
}
