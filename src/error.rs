//! The one error type that leaves the library: which room failed, of what kind, and what to do.
//!
//! Rooms have typed errors of their own; this type only joins them. Texts are one line without a
//! closing full stop, so that the command line can print them as they are.

#[cfg(feature = "api")]
use crate::api;
#[cfg(feature = "builder")]
use crate::builder::BuilderError;
#[cfg(feature = "registry")]
use crate::fetch;
use crate::progress::Cancelled;
#[cfg(feature = "release")]
use crate::release::{self, ReleaseError};
#[cfg(feature = "server")]
use crate::server::ServerError;
use crate::{
    Cause, Dialect, ErrorKind, MemoryError, Remedy, apply, artifact, deploy, image, librsync,
    output, rootfs, store, unpack, v2, v3,
};

/// Any failure of the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A delta could not be applied.
    #[error(transparent)]
    Apply(#[from] apply::ApplyError),
    /// An artifact could not be made or read.
    #[error(transparent)]
    Artifact(#[from] artifact::ArtifactError),
    /// A delta server could not be asked.
    #[cfg(feature = "api")]
    #[error(transparent)]
    Api(#[from] api::ApiError),
    /// The builder failed.
    #[cfg(feature = "builder")]
    #[error(transparent)]
    Builder(#[from] BuilderError),
    /// An image could not be deployed, or gone back from.
    #[error(transparent)]
    Deploy(#[from] deploy::DeployError),
    /// An image could not be fetched.
    #[cfg(feature = "registry")]
    #[error(transparent)]
    Fetch(#[from] fetch::FetchError),
    /// A command stream could not be read or applied.
    #[error(transparent)]
    Patch(#[from] librsync::PatchError),
    /// An image could not be read or written.
    #[error(transparent)]
    Image(#[from] image::ImageError),
    /// The system does not give the memory that the work takes.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// A place can't take a result.
    #[error(transparent)]
    Output(#[from] output::OutputError),
    /// Nothing can be said of a release's update, or done for it.
    #[cfg(feature = "release")]
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// A stack of layers is no valid file tree.
    #[error(transparent)]
    Rootfs(#[from] rootfs::RootfsError),
    /// The server failed.
    #[cfg(feature = "server")]
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// An image is not trusted, or nobody can tell.
    #[cfg(feature = "registry")]
    #[error(transparent)]
    Trust(#[from] crate::trust::TrustError),
    /// An image could not be unpacked.
    #[error(transparent)]
    Unpack(#[from] unpack::UnpackError),
    /// A v2 delta could not be made or read.
    #[error(transparent)]
    V2(#[from] v2::V2Error),
    /// A v3 delta could not be made, read or applied.
    #[error(transparent)]
    V3(#[from] v3::V3Error),
}

impl Error {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            Error::Apply(error) => error.cause(),
            Error::Artifact(error) => error.cause(),
            #[cfg(feature = "api")]
            Error::Api(error) => error.cause(),
            #[cfg(feature = "registry")]
            Error::Fetch(error) => error.cause(),
            Error::Patch(error) => error.cause(),
            Error::Image(error) => error.cause(),
            Error::Memory(error) => error.cause(),
            Error::Output(error) => error.cause(),
            #[cfg(feature = "release")]
            Error::Release(error) => error.cause(),
            Error::Rootfs(error) => error.cause(),
            #[cfg(feature = "builder")]
            Error::Builder(error) => error.cause(),
            #[cfg(feature = "server")]
            Error::Server(error) => error.cause(),
            Error::Store(error) => error.cause(),
            #[cfg(feature = "registry")]
            Error::Trust(error) => error.cause(),
            Error::Unpack(error) => error.cause(),
            Error::Deploy(error) => error.cause(),
            Error::V2(error) => error.cause(),
            Error::V3(error) => error.cause(),
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if one is known. Texts that rooms still give are [`hint`](Self::hint).
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Error::Apply(error) => error.remedy(),
            Error::Artifact(error) => error.remedy(),
            #[cfg(feature = "api")]
            Error::Api(error) => error.remedy(),
            #[cfg(feature = "registry")]
            Error::Fetch(error) => error.remedy(),
            Error::Patch(_) | Error::Output(_) => None,
            Error::Image(error) => delta_instead(error).or_else(|| error.remedy()),
            Error::Memory(error) => error.remedy(),
            #[cfg(feature = "release")]
            Error::Release(error) => error.remedy(),
            Error::Rootfs(error) => error.remedy(),
            #[cfg(feature = "builder")]
            Error::Builder(error) => error.remedy(),
            #[cfg(feature = "server")]
            Error::Server(error) => error.remedy(),
            Error::Store(error) => error.remedy(),
            #[cfg(feature = "registry")]
            Error::Trust(error) => error.remedy(),
            Error::Unpack(error) => error.remedy(),
            Error::Deploy(error) => error.remedy(),
            Error::V2(error) => error.remedy(),
            Error::V3(error) => error.remedy(),
        }
    }

    /// Returns one line that says what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Apply(error) => error.hint(),
            Error::Artifact(error) => error.hint(),
            #[cfg(feature = "api")]
            Error::Api(error) => error.hint(),
            #[cfg(feature = "registry")]
            Error::Fetch(error) => error.hint(),
            Error::Patch(_) | Error::Memory(_) => None,
            Error::Image(error) => error.hint(),
            Error::Output(error) => error.hint(),
            #[cfg(feature = "release")]
            Error::Release(error) => error.hint(),
            Error::Rootfs(error) => error.hint(),
            #[cfg(feature = "builder")]
            Error::Builder(error) => error.hint(),
            #[cfg(feature = "server")]
            Error::Server(error) => error.hint(),
            Error::Store(error) => error.hint(),
            #[cfg(feature = "registry")]
            Error::Trust(error) => error.hint(),
            Error::Unpack(error) => error.hint(),
            Error::Deploy(error) => error.hint(),
            Error::V2(error) => error.hint(),
            Error::V3(error) => error.hint(),
        }
    }
}

/// Returns the remedy where a delta was given in an image's place: the room of images does not know deltas.
fn delta_instead(error: &image::ImageError) -> Option<Remedy> {
    let image::ImageError::Manifest { source: image::ManifestError::MediaType(named), .. } = error
    else {
        return None;
    };
    Dialect::of_artifact(named).map(|_| Remedy::ApplyDelta)
}

impl From<image::ReferenceError> for Error {
    fn from(error: image::ReferenceError) -> Self {
        Error::Image(error.into())
    }
}

impl From<image::PlatformError> for Error {
    fn from(error: image::PlatformError) -> Self {
        Error::Image(error.into())
    }
}

impl From<image::DigestError> for Error {
    fn from(error: image::DigestError) -> Self {
        Error::Image(error.into())
    }
}

#[cfg(feature = "registry")]
impl From<image::RegistryError> for Error {
    fn from(error: image::RegistryError) -> Self {
        Error::Image(error.into())
    }
}

#[cfg(feature = "release")]
impl From<release::ReleaseNameError> for Error {
    fn from(error: release::ReleaseNameError) -> Self {
        Error::Release(error.into())
    }
}

impl From<Cancelled> for Error {
    fn from(error: Cancelled) -> Self {
        Error::Image(error.into())
    }
}
