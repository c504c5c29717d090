//! The failures of this room.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mismatch::Mismatch;
use super::transfer::is_from_system;
use super::{
    BlobProblem, ConfigError, Digest, DigestError, Excess, ManifestError, Platform, PlatformError,
    ReferenceError,
};
use crate::output::OutputError;
use crate::progress::Cancelled;
use crate::quote::listed;
use crate::{Cause, ErrorKind};

/// The action on a layout before anything is written into it.
pub(super) const LOCK: &str = "lock";

/// The action that shows whether a folder can be written to.
pub(super) const CREATE_IN: &str = "create a file in";

/// The action on a spooled archive.
pub(super) const WRITE_TEMPORARY: &str = "write a temporary file in";

/// Why an image could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The text names no image.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The text is no platform.
    #[error(transparent)]
    PlatformText(#[from] PlatformError),
    /// The text is no digest.
    #[error(transparent)]
    DigestText(#[from] DigestError),
    /// The reference cannot be used for this: a usage error.
    #[error("{reference}: {reason}")]
    Unsuitable {
        /// The reference.
        reference: String,
        /// Why not.
        reason: String,
    },
    /// The content of a place is not of the kind that its name says.
    #[error("{reference}: {mismatch}")]
    OtherKind {
        /// The reference, or the file.
        reference: String,
        /// The difference between the name and the content.
        mismatch: Mismatch,
    },
    /// An index has no image for the platform.
    #[error("{reference} has no image for {wanted}; it has {}", listed(available))]
    MissingPlatform {
        /// The image.
        reference: String,
        /// The platform that was asked for.
        wanted: Platform,
        /// The platforms it has.
        available: Vec<Platform>,
    },
    /// The image is for another platform than the one that was named.
    #[error("{reference} is for {found}, not for {wanted}")]
    OtherPlatform {
        /// The image.
        reference: String,
        /// The platform that was named.
        wanted: Box<Platform>,
        /// The platform that it is for.
        found: Box<Platform>,
    },
    /// There is no such image where it was looked for.
    #[error("{reference} was not found{}", found(names))]
    NotFound {
        /// The image.
        reference: String,
        /// The names that are there instead, if that is known.
        names: Vec<String>,
    },
    /// Several images are there and the reference does not say which.
    #[error(
        "{reference} holds several images and the reference does not say which: {}",
        listed(names)
    )]
    Ambiguous {
        /// The layout or archive.
        reference: String,
        /// The names of the images.
        names: Vec<String>,
    },
    /// A manifest or index that cannot be used.
    #[error("{reference}: {source}")]
    Manifest {
        /// The image.
        reference: String,
        /// The problem.
        source: ManifestError,
    },
    /// A config that cannot be used.
    #[error("{reference}: {source}")]
    Config {
        /// The image.
        reference: String,
        /// The problem.
        source: ConfigError,
    },
    /// The parts of an image contradict each other, or an archive is damaged.
    #[error("{reference}: {reason}")]
    Malformed {
        /// The image.
        reference: String,
        /// The problem.
        reason: String,
    },
    /// A layout or archive lacks a blob that a manifest in it names.
    #[error("{place} lacks the blob {digest}, which a manifest there names")]
    NoBlob {
        /// The layout or archive.
        place: String,
        /// The blob.
        digest: Digest,
    },
    /// A blob is not what its descriptor says.
    #[error("{place}: blob {expected} {problem}")]
    Blob {
        /// Where the blob came from.
        place: String,
        /// The digest it should have.
        expected: Digest,
        /// In what it differs.
        problem: BlobProblem,
    },
    /// A layer's compressed data cannot be decompressed.
    #[error("a layer's compressed data is damaged: {0}")]
    Compressed(#[source] io::Error),
    /// A layer cannot be decompressed with the memory that a layer may take.
    #[error("a layer is not decompressed: {reason}")]
    TooDemanding {
        /// The layer's demand, and the limit.
        reason: String,
        /// The way to compress a layer so that it is taken.
        with: &'static str,
    },
    /// An archive unpacks to more than the limits allow.
    #[error("{reference} unpacks to {excess}")]
    TooLarge {
        /// The archive.
        reference: String,
        /// The limit.
        excess: Excess,
    },
    /// The image is in a registry or an engine, and this build of the library reaches none.
    #[error("{reference} is in a registry or an engine, and this build of Remora reads neither")]
    NoRegistries {
        /// The image.
        reference: String,
    },
    /// A registry did not give or take something.
    #[cfg(feature = "registry")]
    #[error(transparent)]
    Registry(#[from] super::RegistryError),
    /// A Docker Engine did not give or take an image.
    #[cfg(feature = "registry")]
    #[error(transparent)]
    Engine(#[from] super::DaemonError),
    /// Some of several images are in a registry, but not the index that leads to them.
    #[error(
        "{source}; no index {reference} was written, so that nothing leads by that name to what is there \
         already: {}",
        listed(pushed)
    )]
    IndexUnfinished {
        /// The name that the index was to have.
        reference: String,
        /// The images that were pushed, each by its digest alone.
        pushed: Vec<Digest>,
        /// Why the rest was not.
        source: Box<ImageError>,
    },
    /// The place can't take the image.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The image to be written contradicts itself: a defect in Remora.
    #[error("the image to be written contradicts itself: {0}")]
    Contents(String),
    /// The caller told the work to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A file could not be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// The action that failed, for instance `read`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A stream without a name (standard input, standard output, a layer being unpacked) failed.
    #[error("cannot {doing}: {source}")]
    Stream {
        /// The action that failed, for instance `read standard input`.
        doing: String,
        /// The system's error.
        source: io::Error,
    },
}

impl ImageError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            ImageError::Reference(_)
            | ImageError::PlatformText(_)
            | ImageError::DigestText(_)
            | ImageError::Unsuitable { .. }
            | ImageError::Ambiguous { .. }
            | ImageError::NoRegistries { .. } => Cause::Usage,
            ImageError::NotFound { .. } => Cause::Missing,
            ImageError::OtherKind { mismatch, .. } => mismatch.cause(),
            ImageError::File { source, .. } | ImageError::Stream { source, .. } => {
                Cause::of_io(source)
            }
            #[cfg(feature = "registry")]
            ImageError::Registry(error) => error.cause(),
            #[cfg(feature = "registry")]
            ImageError::Engine(error) => error.cause(),
            ImageError::IndexUnfinished { source, .. } => source.cause(),
            ImageError::MissingPlatform { .. }
            | ImageError::OtherPlatform { .. }
            | ImageError::Manifest { .. }
            | ImageError::Config { .. }
            | ImageError::Malformed { .. }
            | ImageError::Compressed(_) => Cause::Content,
            ImageError::TooDemanding { .. } | ImageError::TooLarge { .. } => Cause::TooLarge,
            ImageError::NoBlob { .. } => Cause::MissingBlob,
            ImageError::Blob { .. } => Cause::DamagedBlob,
            ImageError::Output(error) => error.cause(),
            ImageError::Contents(_) => Cause::Defect,
            ImageError::Cancelled(_) => Cause::Cancelled,
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Whether a registry may have lost a part of a push, so that all of it may succeed if it is done
    /// again: collections of garbage take uploads in flight.
    pub fn may_be_lost_upload(&self) -> bool {
        match self {
            #[cfg(feature = "registry")]
            ImageError::Registry(error) => error.may_be_lost_upload(),
            ImageError::IndexUnfinished { source, .. } => source.may_be_lost_upload(),
            _ => false,
        }
    }

    /// How long a registry asks to be left alone.
    pub fn asked_pause(&self) -> Option<Duration> {
        match self {
            #[cfg(feature = "registry")]
            ImageError::Registry(error) => error.asked_pause(),
            ImageError::IndexUnfinished { source, .. } => source.asked_pause(),
            _ => None,
        }
    }

    /// Gives back the error of this room that travelled through [`io::Read`] inside an
    /// [`io::Error`], so that a damaged blob is not taken for a failing disk.
    pub fn from_read(error: io::Error) -> Self {
        let error = match error.downcast::<ImageError>() {
            Ok(error) => return error,
            Err(error) => error,
        };
        match error.downcast::<Cancelled>() {
            Ok(error) => ImageError::Cancelled(error),
            Err(source) if is_from_system(&source) => {
                ImageError::Stream { doing: "read the image's layers".to_owned(), source }
            }
            Err(source) => ImageError::Compressed(source),
        }
    }

    /// Says what is there of the images that an index was to lead to: without the index nobody finds it.
    #[cfg(feature = "registry")]
    pub(super) fn after_pushing(self, index: &super::RegistryReference, pushed: &[Digest]) -> Self {
        match pushed {
            [] => self,
            _ => ImageError::IndexUnfinished {
                reference: index.to_string(),
                pushed: pushed.to_vec(),
                source: Box::new(self),
            },
        }
    }

    pub(super) fn contents(reason: impl Into<String>) -> Self {
        ImageError::Contents(reason.into())
    }

    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| ImageError::File { doing, path, source }
    }
}

impl From<ImageError> for io::Error {
    /// For a [`io::Read`] that has to report it.
    fn from(error: ImageError) -> Self {
        let kind = match error.kind() {
            ErrorKind::Content => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

#[cfg(feature = "registry")]
impl From<super::RegistryError> for io::Error {
    /// For a [`io::Read`] that has to report it.
    fn from(error: super::RegistryError) -> Self {
        ImageError::from(error).into()
    }
}

fn found(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; there is {}", listed(names)) }
}
