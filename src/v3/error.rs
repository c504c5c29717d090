//! The failures of making, reading and applying delta images.

use std::io;

use crate::delta::BaseError;
use crate::image::{DiffId, Excess, ImageError};
use crate::librsync::{CommandError, PatchError};
use crate::progress::Cancelled;
use crate::store::StoreError;
use crate::{Cause, ErrorKind, MemoryError, Remedy};

/// Why a delta could not be made, read or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum V3Error {
    /// An image could not be read.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// The store failed.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// The system does not give the memory that the work takes.
    #[error(transparent)]
    OutOfMemory(#[from] MemoryError),
    /// The image has not the labels of a delta.
    #[error("{reference} is an image and no delta: its config has no label {label}")]
    NotADelta {
        /// The image.
        reference: String,
        /// The label that is missing.
        label: &'static str,
    },
    /// The label that names the base does not hold an image ID.
    #[error("{reference}: the label that names the base holds {text:?}, not an image ID")]
    BaseLabel {
        /// The delta.
        reference: String,
        /// The text that the label holds, shortened.
        text: String,
    },
    /// The delta has more or fewer layers than the image that it makes.
    #[error("{reference} has {layers} layers, but the image it makes has {target_layers}")]
    LayerCount {
        /// The delta.
        reference: String,
        /// How many layers it has.
        layers: usize,
        /// How many layers its target has.
        target_layers: usize,
    },
    /// A device takes the blobs of such a delta for plain layers.
    #[error("{reference} has no layers, so that a delta from it cannot be applied")]
    BaseWithoutLayers {
        /// The base.
        reference: String,
    },
    /// Engines refuse to unpack it.
    #[error("{reference} is for {os:?}; deltas are applied to linux images only")]
    NotLinux {
        /// The target.
        reference: String,
        /// The `os` in its config.
        os: String,
    },
    /// A label is text, so the target's config must be too.
    #[error("the target's config is not UTF-8 text and cannot be kept in a label")]
    ConfigNotText,
    /// One layer of a delta cannot be applied.
    #[error("layer {layer}: {source}")]
    Layer {
        /// Number of the layer, counted from 1 at the bottom.
        layer: usize,
        /// The problem with it.
        source: LayerError,
    },
    /// A delta that was just made does not make its target; it was not published.
    #[error("the delta just made does not rebuild the target and was discarded: {0}")]
    Unverified(#[source] Box<V3Error>),
    /// Nobody could read the delta: a part of it exceeds what its readers take.
    #[error("the delta would be of no use: {0}")]
    Unreadable(#[source] Box<ImageError>),
    /// The target is so much larger than base and delta that nobody would apply the delta.
    #[error("the target's layers have {0}, base and delta together")]
    TooLarge(Excess),
    /// A blob could not be written.
    #[error("cannot write a layer blob: {0}")]
    Write(#[from] io::Error),
}

/// A problem with one layer of a delta.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// The layer's bytes could not be read.
    #[error(transparent)]
    Read(Box<ImageError>),
    /// Engines do not read zstd here.
    #[error("compressed with zstd, which devices do not read")]
    Zstd,
    /// The blob holds something else.
    #[error("the blob holds no tar")]
    NotTar,
    /// The first entry is not a regular file.
    #[error("the first entry of the tar has the type {0:?}; it must be a regular file")]
    NotAFile(char),
    /// There is no delta, and no layer of the base stands for it.
    #[error("the tar is empty, but base and target do not share this layer")]
    Empty,
    /// The tar is longer than any tar with a delta needs to be.
    #[error("the tar goes on for more than {limit} bytes after the delta")]
    TooLong {
        /// The limit in bytes.
        limit: u64,
    },
    /// The layer, or the image with it, is larger than the limits allow.
    #[error("rebuilt, it has {0}")]
    TooLarge(Excess),
    /// The delta cannot be applied.
    #[error(transparent)]
    Patch(PatchError),
    /// The bytes that the delta makes are not the target's layer.
    #[error("rebuilt as {actual} instead of {expected}")]
    WrongDiffId {
        /// The diff ID in the target's config.
        expected: DiffId,
        /// The digest of what was rebuilt.
        actual: DiffId,
    },
}

impl V3Error {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            V3Error::Image(error) => error.cause(),
            V3Error::Store(error) => error.cause(),
            V3Error::OutOfMemory(error) => error.cause(),
            V3Error::Layer { source, .. } => source.cause(),
            V3Error::Write(error) => Cause::of_io(error),
            V3Error::Unverified(_) => Cause::Defect,
            V3Error::TooLarge(_) | V3Error::Unreadable(_) => Cause::TooLarge,
            V3Error::NotADelta { .. }
            | V3Error::BaseLabel { .. }
            | V3Error::LayerCount { .. }
            | V3Error::BaseWithoutLayers { .. }
            | V3Error::NotLinux { .. }
            | V3Error::ConfigNotText => Cause::Content,
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if a room below knows one.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            V3Error::Image(error) => error.remedy(),
            V3Error::Store(error) => error.remedy(),
            V3Error::OutOfMemory(error) => error.remedy(),
            V3Error::Layer {
                source: LayerError::TooLarge(_) | LayerError::Patch(PatchError::TooLarge { .. }),
                ..
            }
            | V3Error::TooLarge(_) => Some(Remedy::LargerLayers),
            V3Error::NotADelta { .. } => Some(Remedy::GiveDelta),
            V3Error::Layer { source: LayerError::Read(error), .. } => error.remedy(),
            V3Error::Write(_)
            | V3Error::Layer { source: LayerError::Patch(PatchError::Output(_)), .. } => {
                Some(Remedy::FreeStoreSpace)
            }
            _ => None,
        }
    }

    /// Returns the finding of a proof: a defect of what was made, unless disk or caller kept the proof from being
    /// made, or a layer in the store is damaged.
    pub(super) fn of_proof(self, check_layers: impl FnOnce() -> Result<(), StoreError>) -> Self {
        if self.kind() != ErrorKind::Content {
            return self;
        }
        match check_layers() {
            Err(error) => error.into(),
            Ok(()) => V3Error::Unverified(Box::new(self)),
        }
    }

    /// Returns one line that says what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            V3Error::Image(error) => return error.hint(),
            V3Error::Store(error) => return error.hint(),
            V3Error::Layer { source, .. } => return source.hint(),
            V3Error::NotADelta { .. } => return None,
            V3Error::BaseWithoutLayers { .. } => "pull the target itself, it is no larger",
            V3Error::Unverified(_) => return None,
            V3Error::BaseLabel { .. } | V3Error::LayerCount { .. } => "make the delta again",
            V3Error::NotLinux { .. } | V3Error::ConfigNotText | V3Error::TooLarge(_) => {
                return None;
            }
            V3Error::Unreadable(_) => {
                "make the target's config smaller: labels, environment and history are kept in it"
            }
            V3Error::Write(_) | V3Error::OutOfMemory(_) => return None,
        };
        Some(hint.to_owned())
    }

    pub(super) fn layer(index: usize) -> impl FnOnce(LayerError) -> Self {
        move |source| V3Error::Layer { layer: index + 1, source }
    }
}

impl LayerError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            LayerError::Read(error) => error.cause(),
            LayerError::Patch(error) => error.cause(),
            LayerError::TooLarge(_) => Cause::TooLarge,
            _ => Cause::Content,
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns one line that says what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            LayerError::Read(error) => error.hint(),
            LayerError::Patch(PatchError::Output(_) | PatchError::Base(_)) => None,
            _ => Some("the delta is damaged or was made for something else: make it again".into()),
        }
    }

    /// A network or a disk that fails says so through the reader: that, not the place where the delta
    /// broke off, is the cause.
    pub(super) fn of_patch(error: PatchError) -> Self {
        let environment = |inner: &ImageError| inner.kind() == ErrorKind::Environment;
        let is_outside = |inner: &(dyn std::error::Error + Send + Sync + 'static)| {
            inner.is::<Cancelled>() || inner.downcast_ref().is_some_and(environment)
        };
        match error {
            PatchError::Stream { source: CommandError::Io(source), .. }
                if source.raw_os_error().is_some() || source.get_ref().is_some_and(is_outside) =>
            {
                LayerError::of_read(source)
            }
            PatchError::Output(source) => LayerError::of_write(source),
            error => LayerError::Patch(error),
        }
    }

    pub(super) fn of_base(error: BaseError) -> Self {
        match error {
            BaseError::Read(error) => LayerError::Patch(PatchError::Base(error)),
            BaseError::Write(error) => LayerError::of_write(error),
        }
    }

    /// A limit that is exceeded while the layer is written is no failure of the disk.
    pub(super) fn of_write(error: io::Error) -> Self {
        match error.downcast::<Excess>() {
            Ok(excess) => LayerError::TooLarge(excess),
            Err(error) => LayerError::Patch(PatchError::Output(error)),
        }
    }

    pub(super) fn of_read(error: io::Error) -> Self {
        LayerError::Read(Box::new(ImageError::from_read(error)))
    }
}

impl From<ImageError> for V3Error {
    fn from(error: ImageError) -> Self {
        V3Error::Image(Box::new(error))
    }
}

impl From<Cancelled> for V3Error {
    fn from(error: Cancelled) -> Self {
        ImageError::from(error).into()
    }
}

impl From<StoreError> for V3Error {
    fn from(error: StoreError) -> Self {
        V3Error::Store(Box::new(error))
    }
}
