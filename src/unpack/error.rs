//! The failures of unpacking.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::image::ImageError;
use crate::progress::Cancelled;
use crate::quote::quoted;
use crate::rootfs::RootfsError;
use crate::store::StoreError;
use crate::{Cause, ErrorKind, Remedy};

/// Why an image could not be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// A layer could not be had.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// The image could not be read.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// The image's layers are no valid file tree.
    #[error(transparent)]
    Layers(#[from] RootfsError),
    /// A path of the image is longer than any system call takes.
    #[error("the image's {} and what is in it have paths longer than {limit} bytes", quoted(path))]
    PathTooLong {
        /// The beginning of the path.
        path: String,
        /// The most bytes that a path may have.
        limit: usize,
    },
    /// Something is in the folder already.
    #[error("{} is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The folder cannot be made or used.
    #[error("cannot {action} {}: {source}", path.display())]
    Place {
        /// The action that failed, as a verb.
        action: &'static str,
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// One thing of the image cannot be made.
    #[error("cannot make the image's {}: {source}", quoted(path))]
    Make {
        /// The path in the image.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// The image's config says something that no container can be started with.
    #[error("the image's config: {0}")]
    Config(String),
    /// The work was told to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl UnpackError {
    pub(crate) fn place(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> UnpackError {
        let path = path.into();
        move |source| match source.get_ref().is_some_and(|inner| inner.is::<Cancelled>()) {
            true => UnpackError::Cancelled(Cancelled),
            false => UnpackError::Place { action, path, source },
        }
    }

    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            UnpackError::Store(error) => error.cause(),
            UnpackError::Image(error) => error.cause(),
            UnpackError::Layers(error) => error.cause(),
            UnpackError::PathTooLong { .. } => Cause::TooLarge,
            UnpackError::NotEmpty { .. } => Cause::Obstacle,
            UnpackError::Config(_) => Cause::Content,
            UnpackError::Place { source, .. } => Cause::of_io(source),
            UnpackError::Make { source, .. } => match Errno::from_io_error(source) {
                // The image has what this file system can't hold.
                Some(Errno::MLINK | Errno::NAMETOOLONG | Errno::FBIG) => Cause::Content,
                _ => Cause::of_io(source),
            },
            UnpackError::Cancelled(_) => Cause::Cancelled,
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if a room below knows one.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            UnpackError::Store(error) => error.remedy(),
            UnpackError::Image(error) => error.remedy(),
            UnpackError::Layers(error) => error.remedy(),
            _ => None,
        }
    }

    /// Returns what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            UnpackError::Store(error) => return error.hint(),
            UnpackError::Image(error) => return error.hint(),
            UnpackError::Layers(error) => return error.hint(),
            UnpackError::NotEmpty { .. } => "name a folder that is empty, or not there yet",
            UnpackError::Config(_) => {
                "no container can be started from the image: build it with an Entrypoint or Cmd, a user that it has, and an \
                 absolute working directory"
            }
            UnpackError::Place { source, .. } if is_busy(source) => {
                "the folder is in use, perhaps as a place where a disk is mounted: name a folder in it"
            }
            UnpackError::Make { source, .. } => match Errno::from_io_error(source) {
                Some(Errno::MLINK | Errno::NAMETOOLONG | Errno::FBIG) => {
                    "the file system there can't hold what the image has: choose another"
                }
                _ => return None,
            },
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn is_busy(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::BUSY)
}

impl From<StoreError> for UnpackError {
    fn from(error: StoreError) -> Self {
        UnpackError::Store(Box::new(error))
    }
}

impl From<ImageError> for UnpackError {
    fn from(error: ImageError) -> Self {
        UnpackError::Image(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_that_nothing_can_be_started_with_is_told_as_what_the_image_lacks() {
        let hint = UnpackError::Config("it names no command to run".to_owned()).hint();
        assert!(hint.is_some_and(|hint| hint.contains("Entrypoint or Cmd")));
    }
}
