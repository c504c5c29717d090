//! What kind of failure it was that kept a delta from being made: whether to wait, to look
//! elsewhere, or to give up.

use crate::image::{ImageError, RegistryError};
use crate::server::build::{BuildError, Cause};
use crate::store::StoreError;
use crate::v2::V2Error;
use crate::v3::{LayerError, V3Error};
use crate::{Error, ErrorKind};

/// Statuses that a registry answers with to the parts of a push when blobs have vanished meanwhile:
/// its garbage collection takes uploads in flight.
const PUSH_STATUSES: [u16; 3] = [400, 404, 416];

impl From<Error> for BuildError {
    fn from(error: Error) -> Self {
        let cause = match image_error(&error) {
            Some(image) => image_cause(image),
            None => other_cause(&error),
        };
        BuildError { cause, message: error.to_string() }
    }
}

fn image_cause(error: &ImageError) -> Cause {
    match error {
        ImageError::NotFound { .. } => Cause::Missing,
        ImageError::Registry(RegistryError::NoBlob { .. }) => Cause::Missing,
        // What a proxy garbled or cut is whole the next time; an image that is damaged for good
        // stays so until patience ends.
        ImageError::Registry(_) | ImageError::Blob { .. } => Cause::Registry,
        ImageError::File { .. } | ImageError::Stream { .. } => Cause::Disk,
        ImageError::Contents(_) => Cause::Defect,
        ImageError::Cancelled(_) => Cause::Cancelled,
        _ => Cause::Refused,
    }
}

fn other_cause(error: &Error) -> Cause {
    match error.kind() {
        ErrorKind::Internal => Cause::Defect,
        ErrorKind::Cancelled => Cause::Cancelled,
        ErrorKind::Environment => Cause::Disk,
        ErrorKind::Usage | ErrorKind::Content => Cause::Refused,
    }
}

/// Whether a blob was not there that a manifest names.
pub(super) fn is_missing_blob(error: &Error) -> bool {
    matches!(image_error(error), Some(ImageError::Registry(RegistryError::NoBlob { .. })))
}

/// Whether a failed push may succeed if all of it is done again.
pub(super) fn may_push_again(error: &ImageError) -> bool {
    matches!(error, ImageError::Registry(RegistryError::Status { status, .. })
        if PUSH_STATUSES.contains(status))
}

/// The failure of an image that `error` tells of, however deep it is.
fn image_error(error: &Error) -> Option<&ImageError> {
    match error {
        Error::Image(error) => Some(error),
        Error::Store(error) => in_store(error),
        Error::V2(error) => in_v2(error),
        Error::V3(error) => in_v3(error),
        Error::Patch(_) | Error::Rootfs(_) | Error::Server(_) => None,
    }
}

fn in_store(error: &StoreError) -> Option<&ImageError> {
    match error {
        StoreError::Image(error) | StoreError::Source { source: error, .. } => Some(error),
        _ => None,
    }
}

fn in_v2(error: &V2Error) -> Option<&ImageError> {
    match error {
        V2Error::Image(error) => Some(error),
        V2Error::Store(error) => in_store(error),
        _ => None,
    }
}

fn in_v3(error: &V3Error) -> Option<&ImageError> {
    match error {
        V3Error::Image(error) => Some(error),
        V3Error::Store(error) => in_store(error),
        V3Error::Layer { source: LayerError::Read(error), .. } => Some(error),
        _ => None,
    }
}
