//! The failures of fetching an image.

use crate::apply::{ApplyError, LayerDeltas};
use crate::image::{DiffId, ImageError, ImageId};
use crate::progress::Cancelled;
use crate::store::{Reason, StoreError};
use crate::trust::TrustError;
use crate::{Cause, ErrorKind, MemoryError, Remedy};

/// Why an image could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// An image could not be read or written.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// The store failed.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// A delta could not be applied.
    #[error(transparent)]
    Delta(Box<ApplyError>),
    /// The image may not be used, or that cannot be told.
    #[error(transparent)]
    Trust(Box<TrustError>),
    /// The system does not give the memory that the work takes.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// A delta was named as the target, and is of no use.
    #[error("the delta {delta} can't be used: {source}")]
    NamedDelta {
        /// The delta.
        delta: String,
        /// Why not.
        source: Box<FetchError>,
    },
    /// A layer is not in the image any more that once had it.
    #[error("the layer {diff_id} is not in {image} any more")]
    LayerGone {
        /// The image.
        image: String,
        /// The layer.
        diff_id: DiffId,
    },
    /// A delta was named as the target, and the image that it applies to is not at hand.
    #[error("{delta} is a delta from the image {base}, which is not at hand")]
    NoBase {
        /// The delta.
        delta: String,
        /// The image that it applies to.
        base: ImageId,
    },
}

impl From<ImageError> for FetchError {
    fn from(error: ImageError) -> Self {
        FetchError::Image(Box::new(error))
    }
}

impl From<StoreError> for FetchError {
    fn from(error: StoreError) -> Self {
        FetchError::Store(Box::new(error))
    }
}

impl From<TrustError> for FetchError {
    fn from(error: TrustError) -> Self {
        FetchError::Trust(Box::new(error))
    }
}

impl From<ApplyError> for FetchError {
    fn from(error: ApplyError) -> Self {
        FetchError::Delta(Box::new(error))
    }
}

impl From<FetchError> for Reason {
    fn from(error: FetchError) -> Self {
        let (problem, cause) = (error.to_string(), error.cause());
        Reason { problem, cause, remedy: error.remedy(), hint: error.hint() }
    }
}

impl From<Cancelled> for FetchError {
    fn from(error: Cancelled) -> Self {
        ImageError::from(error).into()
    }
}

impl FetchError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            FetchError::Image(error) => error.cause(),
            FetchError::Store(error) => error.cause(),
            FetchError::Delta(error) => error.cause(),
            FetchError::Trust(error) => error.cause(),
            FetchError::Memory(error) => error.cause(),
            FetchError::NamedDelta { source, .. } => source.cause(),
            FetchError::NoBase { .. } | FetchError::LayerGone { .. } => Cause::Missing,
        }
    }

    /// This failure, of a delta that was named as the target.
    pub(super) fn of_named_delta(self, delta: &LayerDeltas) -> Self {
        let delta = delta.image().reference().to_string();
        FetchError::NamedDelta { delta, source: Box::new(self) }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if one is known.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            FetchError::Image(error) => error.remedy(),
            FetchError::Store(error) => error.remedy(),
            FetchError::Delta(error) => error.remedy(),
            FetchError::Trust(error) => error.remedy(),
            FetchError::Memory(error) => error.remedy(),
            FetchError::NamedDelta { source, .. } if source.cause().may_pass() => source.remedy(),
            FetchError::NamedDelta { source, .. } => {
                source.remedy().or(Some(Remedy::PullImageItself))
            }
            FetchError::NoBase { .. } => Some(Remedy::PullBase),
            FetchError::LayerGone { .. } => Some(Remedy::PullAgain),
        }
    }

    /// Returns one line that says what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            FetchError::Image(error) => error.hint(),
            FetchError::Store(error) => error.hint(),
            FetchError::Delta(error) => error.hint(),
            FetchError::Trust(error) => error.hint(),
            FetchError::NamedDelta { source, .. } => source.hint(),
            FetchError::Memory(_) | FetchError::NoBase { .. } | FetchError::LayerGone { .. } => {
                None
            }
        }
    }
}
