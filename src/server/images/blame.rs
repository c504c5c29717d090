//! What a failure means for a job: whether to wait, to look elsewhere, or to give up.

use super::work_error::WorkError;
use crate::Cause;
use crate::image::ImageError;
use crate::server::build::{Blame, BuildError};

impl From<WorkError> for BuildError {
    fn from(error: WorkError) -> Self {
        BuildError { cause: blame(error.cause()), message: error.to_string() }
    }
}

fn blame(cause: Cause) -> Blame {
    match cause {
        Cause::Missing | Cause::MissingBlob => Blame::Missing,
        // What a proxy garbled or cut is whole the next time; an image that is damaged for good
        // stays so until patience ends.
        Cause::Unauthorized
        | Cause::Denied
        | Cause::Credentials
        | Cause::Unreachable
        | Cause::RateLimited
        | Cause::Tls
        | Cause::Passing
        | Cause::Timeout
        | Cause::Refused
        | Cause::Protocol
        | Cause::DamagedBlob => Blame::Registry,
        Cause::NoFile
        | Cause::Obstacle
        | Cause::InUse
        | Cause::DiskFull
        | Cause::Permission
        | Cause::Disk
        | Cause::Resources
        | Cause::DamagedLayer => Blame::Disk,
        Cause::Usage | Cause::Content | Cause::Untrusted | Cause::TooLarge => Blame::Refused,
        Cause::Cancelled => Blame::Cancelled,
        Cause::Defect => Blame::Defect,
    }
}

/// What it means that a delta could not be pushed: a registry that refuses to take it does so until
/// somebody changes that.
pub(super) fn push_error(error: ImageError) -> BuildError {
    let refused = matches!(error.cause(), Cause::Unauthorized | Cause::Denied | Cause::Refused);
    let failure = BuildError::from(WorkError::from(error));
    match refused {
        true => BuildError { cause: Blame::PushRefused, ..failure },
        false => failure,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::image::{BlobProblem, DiffId, Digest, Excess, ManifestError, RegistryError};
    use crate::progress::Cancelled;
    use crate::store::StoreError;
    use crate::v2::V2Error;
    use crate::v3::V3Error;

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
            (WorkError::from(status(503)), Blame::Registry),
            (status(401).into(), Blame::Registry),
            (V3Error::from(source(status(500))).into(), Blame::Registry),
            (V2Error::from(source(blob)).into(), Blame::Registry),
            (no_blob().into(), Blame::Missing),
            (not_found.into(), Blame::Missing),
            (manifest.into(), Blame::Refused),
            (source(ImageError::Compressed(disk())).into(), Blame::Refused),
            (V3Error::ConfigNotText.into(), Blame::Refused),
            (StoreError::TooLarge { diff_id, excess: Excess::Layer(1) }.into(), Blame::Refused),
            (V3Error::from(image_too_large).into(), Blame::Refused),
            (V2Error::from(ratio).into(), Blame::Refused),
            (source(too_demanding).into(), Blame::Refused),
            (V3Error::from(full).into(), Blame::Disk),
            (V3Error::Write(disk()).into(), Blame::Disk),
            (V2Error::Output(disk()).into(), Blame::Disk),
            (V3Error::Unverified(Box::new(V3Error::ConfigNotText)).into(), Blame::Defect),
            (ImageError::from(Cancelled).into(), Blame::Cancelled),
        ] {
            let text = error.to_string();
            assert_eq!(BuildError::from(error).cause, cause, "{text}");
        }
    }

    #[test]
    fn a_push_that_is_refused_is_not_waited_for() {
        for code in [400, 403, 404, 405, 413, 415, 422, 451, 501] {
            assert_eq!(push_error(status(code)).cause, Blame::PushRefused, "{code}");
        }
        for code in [408, 409, 425, 429, 500, 502, 503, 507] {
            assert_eq!(push_error(status(code)).cause, Blame::Registry, "{code}");
        }
        let unauthorized = RegistryError::Unauthorized { place: "r/a".to_owned(), known: true };
        assert_eq!(push_error(unauthorized.into()).cause, Blame::PushRefused);
        let plain = RegistryError::PlainHttp("r".to_owned());
        assert_eq!(push_error(plain.into()).cause, Blame::Registry);
        assert!(!Blame::PushRefused.may_pass());
    }

    #[test]
    fn a_damaged_layer_in_the_store_is_fetched_again() {
        let diff_id = DiffId(Digest::of(b""));
        let damaged = || StoreError::Damaged { diff_id };
        let layer = V2Error::DamagedLayer { side: "base", layer: 1, diff_id };
        for error in [
            WorkError::from(damaged()),
            V2Error::from(damaged()).into(),
            V3Error::from(damaged()).into(),
            layer.into(),
        ] {
            assert_eq!(error.cause(), Cause::DamagedLayer, "{error}");
        }
    }

    #[test]
    fn a_registrys_collection_of_garbage_is_outlasted() {
        assert_eq!(no_blob().cause(), Cause::MissingBlob);
        assert_ne!(status(404).cause(), Cause::MissingBlob);
        assert!(status(404).may_be_lost_upload() && status(400).may_be_lost_upload());
        assert!(!status(403).may_be_lost_upload() && !no_blob().may_be_lost_upload());
    }
}
