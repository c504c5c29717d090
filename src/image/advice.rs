//! Help against the failures of this room: remedies as values, and hints that name what is at hand.

use std::io;

use super::error::{CREATE_IN, LOCK, WRITE_TEMPORARY};
use super::{ImageError, ManifestError};
use crate::temporary::has_no_locks;
use crate::{Cause, Remedy};

/// How the names of images at Docker Hub begin.
const HUB_NAMES: &str = "docker.io/";

/// What helps whoever left out the host of a name.
const HUB_HINT: &str = "check the name; without a registry's host it is one of Docker Hub's, write HOST/NAME for another registry";

impl ImageError {
    /// Returns the remedy, if one is known.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            ImageError::TooLarge { .. } => Some(Remedy::LargerLayers),
            ImageError::File { doing: WRITE_TEMPORARY, source, .. }
                if source.kind() == io::ErrorKind::StorageFull =>
            {
                Some(Remedy::FreeTemporarySpace)
            }
            ImageError::File { doing: LOCK, source, .. } if has_no_locks(source) => {
                Some(Remedy::LocalFolder)
            }
            ImageError::MissingPlatform { .. } => Some(Remedy::ChoosePlatform),
            #[cfg(feature = "registry")]
            ImageError::Registry(error) => error.remedy(),
            #[cfg(feature = "registry")]
            ImageError::Engine(error) => error.remedy(),
            ImageError::IndexUnfinished { source, .. } => source.remedy(),
            _ => None,
        }
    }

    /// Returns what a user can do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            ImageError::Reference(error) => return error.hint(),
            ImageError::OtherKind { mismatch, .. } => mismatch.hint(),
            ImageError::NotFound { names, .. } if names.iter().any(|name| is_digest(name)) => {
                behind_the_path(names)
            }
            ImageError::NotFound { names, .. } if !names.is_empty() => "name one of those",
            ImageError::NotFound { reference, .. } if reference.starts_with("oci:") => {
                "check the path: an OCI layout is a folder with an index.json"
            }
            ImageError::NotFound { reference, .. } if reference.contains("-archive:") => {
                "check the path of the archive"
            }
            ImageError::File { doing: CREATE_IN, source, .. }
                if matches!(Cause::of_io(source), Cause::NoFile | Cause::Permission) =>
            {
                "choose another folder: no file can be made in this one"
            }
            ImageError::NotFound { reference, .. } if reference.starts_with(HUB_NAMES) => HUB_HINT,
            ImageError::NoRegistries { .. } => "build it with the feature registry",
            #[cfg(feature = "registry")]
            ImageError::Registry(error) => return error.hint(),
            ImageError::Output(error) => return error.hint(),
            ImageError::IndexUnfinished { source, .. } => return source.hint(),
            ImageError::TooDemanding { with, .. } => {
                return Some(format!("compress the layer again, with {with} or with gzip"));
            }
            ImageError::OtherPlatform { .. } => {
                "name the platform that the image is for, or none; or another image"
            }
            ImageError::PlatformText(_) => "write for instance linux/arm64 or linux/arm/v7",
            ImageError::Ambiguous { names, .. } => behind_the_path(names),
            ImageError::Manifest { source: ManifestError::Schema1, .. } => {
                "push the image again with a current tool, it will then have a schema 2 manifest"
            }
            ImageError::NoBlob { .. } => {
                "copy the image there again, all of it: a part got lost, or never came"
            }
            ImageError::Blob { .. } | ImageError::Compressed(_) => {
                "fetch or build the image again: it is damaged"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// How one of several images in a layout or an archive is named.
fn behind_the_path(names: &[String]) -> &'static str {
    let digests = names.iter().filter(|name| is_digest(name)).count();
    match digests {
        0 => "put one of these behind the path, PATH:NAME",
        all if all == names.len() => "put one of these behind the path, PATH@DIGEST",
        _ => "put one of these behind the path, PATH:NAME or PATH@DIGEST",
    }
}

fn is_digest(name: &str) -> bool {
    name.starts_with("@sha")
}
