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

/// Statuses between 400 and 499 that tell of a state that passes: timeout, conflict with another
/// push, too early, too many requests.
const PASSING: [u16; 4] = [408, 409, 425, 429];

/// What a cache that only reads answers to a push, where it does not say 405.
const NOT_IMPLEMENTED: u16 = 501;

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
        ImageError::File { .. } | ImageError::Stream { .. } | ImageError::Output(_) => Cause::Disk,
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

/// Whether a stored layer was damaged. It has been dropped, and is fetched when next needed.
pub(super) fn is_damaged_layer(error: &Error) -> bool {
    let in_store = |error: &StoreError| matches!(error, StoreError::Damaged { .. });
    match error {
        Error::Store(error) => in_store(error),
        Error::V2(V2Error::DamagedLayer { .. }) => true,
        Error::V2(V2Error::Store(error)) | Error::V3(V3Error::Store(error)) => in_store(error),
        _ => false,
    }
}

/// Whether a failed push may succeed if all of it is done again.
pub(super) fn may_push_again(error: &ImageError) -> bool {
    matches!(error, ImageError::Registry(RegistryError::Status { status, .. })
        if PUSH_STATUSES.contains(status))
}

/// What it means that a delta could not be pushed: a registry that refuses to take it does so until
/// somebody changes that.
pub(super) fn push_error(error: ImageError) -> BuildError {
    let refused = matches!(&error, ImageError::Registry(error) if refuses(error));
    let mut failure = BuildError::from(Error::from(error));
    if refused {
        failure.cause = Cause::PushRefused;
    }
    failure
}

fn refuses(error: &RegistryError) -> bool {
    match error {
        RegistryError::Unauthorized { .. } | RegistryError::Denied { .. } => true,
        RegistryError::Status { status, .. } => {
            (400..500).contains(status) && !PASSING.contains(status) || *status == NOT_IMPLEMENTED
        }
        _ => false,
    }
}

/// The failure of an image that `error` tells of, however deep it is.
fn image_error(error: &Error) -> Option<&ImageError> {
    match error {
        Error::Image(error) => Some(error),
        Error::Store(error) => in_store(error),
        Error::V2(error) => in_v2(error),
        Error::V3(error) => in_v3(error),
        Error::Api(_)
        | Error::Output(_)
        | Error::Patch(_)
        | Error::Rootfs(_)
        | Error::Server(_) => None,
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

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::image::{BlobProblem, DiffId, Digest, Excess, ManifestError};
    use crate::progress::Cancelled;

    fn status(status: u16) -> ImageError {
        let (place, action) = ("r/a".to_owned(), "a request");
        RegistryError::Status { place, status, action, message: String::new() }.into()
    }

    fn no_blob() -> ImageError {
        let (place, digest) = ("r/a".to_owned(), Digest::of(b""));
        RegistryError::NoBlob { place, digest, foreign: false }.into()
    }

    #[test]
    fn what_passes_is_waited_for_and_what_does_not_is_given_up() {
        let diff_id = DiffId(Digest::of(b""));
        let source = |error| StoreError::Source { diff_id, source: Box::new(error) };
        let disk = || io::Error::from(io::ErrorKind::StorageFull);
        let blob = ImageError::Blob {
            place: "r/a".to_owned(),
            expected: Digest::of(b""),
            problem: BlobProblem::Long(1),
        };
        let manifest = ManifestError::Schema1;
        let manifest = ImageError::Manifest { reference: "r/a".to_owned(), source: manifest };
        let not_found = ImageError::NotFound { reference: "r/a".to_owned(), names: Vec::new() };
        let excess = Excess::Image(1);
        let image_too_large = StoreError::ImageTooLarge { reference: "r/a".to_owned(), excess };
        let excess = Excess::Ratio { stored: 1, ratio: 1 };
        let ratio = StoreError::TooLarge { diff_id, excess };
        let too_demanding = ImageError::TooDemanding { reason: String::new(), with: "" };
        let full = StoreError::Io { action: "write", path: "/".into(), source: disk() };
        for (error, cause) in [
            (Error::from(status(503)), Cause::Registry),
            (status(401).into(), Cause::Registry),
            (V3Error::from(source(status(500))).into(), Cause::Registry),
            (V2Error::from(source(blob)).into(), Cause::Registry),
            (no_blob().into(), Cause::Missing),
            (not_found.into(), Cause::Missing),
            (manifest.into(), Cause::Refused),
            (source(ImageError::Compressed(disk())).into(), Cause::Refused),
            (V3Error::ConfigNotText.into(), Cause::Refused),
            (StoreError::TooLarge { diff_id, excess: Excess::Layer(1) }.into(), Cause::Refused),
            (V3Error::from(image_too_large).into(), Cause::Refused),
            (V2Error::from(ratio).into(), Cause::Refused),
            (source(too_demanding).into(), Cause::Refused),
            (V3Error::from(full).into(), Cause::Disk),
            (V3Error::Write(disk()).into(), Cause::Disk),
            (V2Error::Output(disk()).into(), Cause::Disk),
            (V3Error::Unverified(Box::new(V3Error::ConfigNotText)).into(), Cause::Defect),
            (ImageError::from(Cancelled).into(), Cause::Cancelled),
        ] {
            let text = error.to_string();
            assert_eq!(BuildError::from(error).cause, cause, "{text}");
        }
    }

    #[test]
    fn a_push_that_is_refused_is_not_waited_for() {
        for code in [400, 403, 404, 405, 413, 415, 422, 451, 501] {
            assert_eq!(push_error(status(code)).cause, Cause::PushRefused, "{code}");
        }
        for code in [408, 409, 425, 429, 500, 502, 503, 507] {
            assert_eq!(push_error(status(code)).cause, Cause::Registry, "{code}");
        }
        let unauthorized = RegistryError::Unauthorized { place: "r/a".to_owned(), known: true };
        assert_eq!(push_error(unauthorized.into()).cause, Cause::PushRefused);
        let plain = RegistryError::PlainHttp("r".to_owned());
        assert_eq!(push_error(plain.into()).cause, Cause::Registry);
        assert!(!Cause::PushRefused.may_pass());
    }

    #[test]
    fn a_damaged_layer_in_the_store_is_fetched_again() {
        let diff_id = DiffId(Digest::of(b""));
        let damaged = || StoreError::Damaged { diff_id };
        let layer = V2Error::DamagedLayer { side: "base", layer: 1, diff_id };
        for error in [
            Error::from(damaged()),
            V2Error::from(damaged()).into(),
            V3Error::from(damaged()).into(),
            layer.into(),
        ] {
            assert!(is_damaged_layer(&error), "{error}");
            assert!(!is_missing_blob(&error), "{error}");
        }
        assert!(!is_damaged_layer(&no_blob().into()));
    }

    #[test]
    fn a_registrys_collection_of_garbage_is_outlasted() {
        assert!(is_missing_blob(&no_blob().into()) && !is_missing_blob(&status(404).into()));
        assert!(may_push_again(&status(404)) && may_push_again(&status(400)));
        assert!(!may_push_again(&status(403)) && !may_push_again(&no_blob()));
    }
}
