//! The failures of making, reading and applying artifacts.

use std::io;

use crate::chunked::{ChunkError, IndexError};
use crate::delta::BaseError;
use crate::image::{DiffId, Excess, ImageError};
use crate::progress::Cancelled;
use crate::rootfs::RootfsError;
use crate::store::StoreError;
use crate::tar_diff::TarDiffError;
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

/// A problem with one layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerDeltaError {
    /// The layer's bytes could not be read.
    #[error(transparent)]
    Read(Box<ImageError>),
    /// The layer delta's index is of no use.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A chunk of the layer delta is of no use.
    #[error("chunk {chunk} of {chunks}: {source}")]
    Chunk {
        /// Number of the chunk, counted from 1.
        chunk: usize,
        /// How many there are.
        chunks: usize,
        /// The problem.
        source: ChunkError,
    },
    /// The layer delta goes on after its last chunk.
    #[error("the layer delta goes on after its last chunk")]
    TooLong,
    /// The stream is of no use.
    #[error(transparent)]
    TarDiff(#[from] TarDiffError),
    /// The base is not as long as the one that the layer delta was made from.
    #[error("it is made from a base of {expected} bytes, and this one has {actual}")]
    OtherBase {
        /// Bytes of the base that it was made from.
        expected: u64,
        /// Bytes of the base at hand.
        actual: u64,
    },
    /// The layer, or the image with it, is larger than the limits allow.
    #[error("rebuilt, it has {0}")]
    TooLarge(Excess),
    /// The base could not be read.
    #[error("cannot read the base: {0}")]
    Base(#[source] io::Error),
    /// The rebuilt layer could not be written.
    #[error("cannot write the rebuilt layer: {0}")]
    Output(#[source] io::Error),
    /// The bytes that the delta makes are not the target's layer.
    #[error("rebuilt as {actual} instead of {expected}")]
    WrongDiffId {
        /// The diff ID in the target's config.
        expected: DiffId,
        /// The digest of what was rebuilt.
        actual: DiffId,
    },
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

impl LayerDeltaError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            LayerDeltaError::Read(error) => error.cause(),
            LayerDeltaError::Index(error) => error.cause(),
            LayerDeltaError::Chunk { source, .. } => source.cause(),
            LayerDeltaError::TarDiff(error) => error.cause(),
            LayerDeltaError::TooLarge(_) => Cause::TooLarge,
            LayerDeltaError::Output(error) => Cause::of_io(error),
            // What was read of the base is less than there was of it.
            LayerDeltaError::Base(_) => Cause::DamagedLayer,
            LayerDeltaError::TooLong
            | LayerDeltaError::OtherBase { .. }
            | LayerDeltaError::WrongDiffId { .. } => Cause::Content,
        }
    }

    fn remedy(&self) -> Option<Remedy> {
        match self {
            LayerDeltaError::Read(error) => error.remedy(),
            LayerDeltaError::TooLarge(_)
            | LayerDeltaError::Index(IndexError::TooLarge { .. })
            | LayerDeltaError::TarDiff(TarDiffError::TooLarge { .. }) => Some(Remedy::LargerLayers),
            LayerDeltaError::Output(_)
            | LayerDeltaError::Chunk { source: ChunkError::Output(_), .. }
            | LayerDeltaError::TarDiff(TarDiffError::Output(_)) => Some(Remedy::FreeStoreSpace),
            _ => None,
        }
    }

    /// Why a layer of the base could not be copied.
    pub(crate) fn of_base(error: BaseError) -> Self {
        match error {
            BaseError::Read(error) => LayerDeltaError::Base(error),
            BaseError::Write(error) => LayerDeltaError::of_write(error),
        }
    }

    pub(super) fn of_read(error: io::Error) -> Self {
        LayerDeltaError::Read(Box::new(ImageError::from_read(error)))
    }

    /// A limit that is exceeded while the layer is written is no failure of the disk.
    pub(super) fn of_write(error: io::Error) -> Self {
        match error.downcast::<Excess>() {
            Ok(excess) => LayerDeltaError::TooLarge(excess),
            Err(error) => LayerDeltaError::Output(error),
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
