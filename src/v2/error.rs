//! The faults of a v2 delta, and of the images it is to be made of.

use std::io;

use crate::image::{DiffId, ImageError};
use crate::progress::Cancelled;
use crate::quote::quoted;
use crate::rootfs::RootfsError;
use crate::store::StoreError;
use crate::{Cause, ErrorKind, MemoryError, Remedy};

/// Why a v2 delta could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum V2Error {
    /// An image's layers are no valid file tree.
    #[error("the {side} image: {source}")]
    Layers {
        /// The image, `base` or `target`.
        side: &'static str,
        /// The problem with it.
        source: RootfsError,
    },
    /// An image could not be read.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// The store failed.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// The system does not give the memory that the work takes.
    #[error(transparent)]
    OutOfMemory(#[from] MemoryError),
    /// A layer in the store is not what its name says: a delta made from it would give devices
    /// other files than the target's.
    #[error("{side} layer {layer} in the store does not hash to its diff ID {diff_id}")]
    DamagedLayer {
        /// The image whose layer it is, `base` or `target`.
        side: &'static str,
        /// Number of the layer, counted from 1 at the bottom.
        layer: usize,
        /// The layer's diff ID.
        diff_id: DiffId,
    },
    /// The metadata is longer than devices read.
    #[error("the target's config takes {bytes} bytes, and devices read {limit} at most")]
    ConfigTooLong {
        /// The metadata's length in the delta, in bytes.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// rsync has no way to turn the base into this target.
    #[error("{} {problem}", quoted(path))]
    NotTransferable {
        /// Where in the target.
        path: String,
        /// Why not.
        problem: &'static str,
    },
    /// The images have more names than there is memory for.
    #[error(
        "a v2 delta between images of {base_names} and {target_names} names needs {needed} bytes of \
         memory, and {allowed} are allowed"
    )]
    Memory {
        /// How many names the base has, about.
        base_names: usize,
        /// How many names the target has, about.
        target_names: usize,
        /// The value that [`CreateOptions::memory`](super::CreateOptions::memory) should have, in bytes.
        needed: u64,
        /// The value that it has, in bytes.
        allowed: u64,
    },
    /// The delta could not be written, or read back.
    #[error("cannot write the delta: {0}")]
    Output(#[source] io::Error),
    /// A delta is damaged or not a v2 delta.
    #[error("the v2 delta is not valid: {0}")]
    Batch(#[from] BatchError),
    /// A delta is whole but does not turn the base into the target.
    #[error("the v2 delta does not make the target: {0}")]
    WrongResult(String),
    /// A delta that was just made did not pass its check.
    #[error("the delta that was made is not right, and has been thrown away: {0}")]
    Unverified(#[source] Box<V2Error>),
}

impl V2Error {
    /// Says which image's layers an error is about.
    pub(super) fn layers(side: &'static str) -> impl Fn(RootfsError) -> V2Error {
        move |source| V2Error::Layers { side, source }
    }

    /// If the work was told to stop or an index got no memory, the disk is not to blame.
    pub(super) fn of_write(error: io::Error) -> V2Error {
        if error.kind() == io::ErrorKind::OutOfMemory {
            return V2Error::OutOfMemory(MemoryError::Table);
        }
        match error.downcast::<Cancelled>() {
            Ok(error) => error.into(),
            Err(error) => V2Error::Output(error),
        }
    }

    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            V2Error::Image(error) => error.cause(),
            V2Error::Store(error) => error.cause(),
            V2Error::OutOfMemory(error) => error.cause(),
            V2Error::Layers { source, .. } => source.cause(),
            V2Error::DamagedLayer { .. } => Cause::DamagedLayer,
            V2Error::Output(error) => Cause::of_io(error),
            V2Error::Batch(BatchError { problem: BatchProblem::Io(_), .. }) => Cause::Disk,
            V2Error::ConfigTooLong { .. } | V2Error::Memory { .. } => Cause::TooLarge,
            // Whatever else keeps a delta that was just made from being read back is a defect.
            V2Error::Unverified(error) => match error.kind() {
                ErrorKind::Content => Cause::Defect,
                _ => error.cause(),
            },
            V2Error::NotTransferable { .. } | V2Error::Batch(_) | V2Error::WrongResult(_) => {
                Cause::Content
            }
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if a room below knows one.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            V2Error::Layers { source, .. } => source.remedy(),
            V2Error::Image(error) => error.remedy(),
            V2Error::Store(error) => error.remedy(),
            V2Error::OutOfMemory(error) => error.remedy(),
            V2Error::DamagedLayer { .. } => Some(Remedy::VerifyStore),
            V2Error::Memory { .. } => Some(Remedy::MoreMemory),
            _ => None,
        }
    }

    /// Returns what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            V2Error::Batch(BatchError { problem: BatchProblem::Metadata, .. }) => {
                Some("a docker archive is named docker-archive:FILE".to_owned())
            }
            V2Error::Layers { source, .. } => source.hint(),
            V2Error::Image(error) => error.hint(),
            V2Error::Store(error) => error.hint(),
            V2Error::ConfigTooLong { .. } | V2Error::NotTransferable { .. } => {
                Some("make a v3 delta of this pair, or let devices pull it whole".to_owned())
            }
            _ => None,
        }
    }
}

impl From<ImageError> for V2Error {
    fn from(error: ImageError) -> Self {
        V2Error::Image(Box::new(error))
    }
}

impl From<Cancelled> for V2Error {
    fn from(error: Cancelled) -> Self {
        ImageError::from(error).into()
    }
}

impl From<StoreError> for V2Error {
    fn from(error: StoreError) -> Self {
        V2Error::Store(Box::new(error))
    }
}

/// A problem of a batch, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at byte {position}: {problem}")]
#[non_exhaustive]
pub struct BatchError {
    /// How many bytes of the delta had been read.
    pub position: u64,
    /// The problem.
    pub problem: BatchProblem,
}

/// A problem of a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchProblem {
    /// The batch stops too early.
    #[error("it ends too early")]
    Truncated,
    /// There is more after its end.
    #[error("there is more after its end")]
    TrailingBytes,
    /// The batch could not be read.
    #[error("cannot be read: {0}")]
    Io(String),
    /// The JSON in front is missing or not a v2 delta's.
    #[error("it does not begin with the metadata of a v2 delta")]
    Metadata,
    /// A header this reader does not know.
    #[error(
        "protocol {protocol}, stream flags {flags:#x}, compatibility flags {compat:#x}: \
         not a kind of batch that is read here"
    )]
    Header {
        /// The batch's protocol version.
        protocol: i32,
        /// The batch's stream flags.
        flags: u32,
        /// The batch's compatibility flags.
        compat: u32,
    },
    /// The batch is one of ours, and a bit of it is not as it was.
    #[error("its checksum is wrong: it is damaged")]
    Checksum,
    /// A number that is longer than numbers are.
    #[error("a number out of range")]
    Number,
    /// A list index out of order or out of range.
    #[error("a list index out of range")]
    Index,
    /// An entry of the list that makes no sense.
    #[error("a bad entry in the file list: {0}")]
    Entry(&'static str),
    /// A record that makes no sense.
    #[error("a bad record: {0}")]
    Record(&'static str),
    /// A file's content does not come out.
    #[error("{} does not come out right: {problem}", quoted(path))]
    Content {
        /// The file.
        path: String,
        /// The problem.
        problem: &'static str,
    },
}
