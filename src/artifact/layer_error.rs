//! The failures of rebuilding one layer.

use std::io;

use crate::chunked::{ChunkError, IndexError};
use crate::delta::BaseError;
use crate::image::{DiffId, Excess, ImageError};
use crate::tar_diff::TarDiffError;
use crate::{Cause, Remedy};

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

    pub(super) fn remedy(&self) -> Option<Remedy> {
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
