//! What can go wrong with a server, whatever it serves.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::temporary::has_no_locks;
use crate::{Cause, ErrorKind, Remedy};

/// Why a server cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServingError {
    /// Another server works in the data folder.
    #[error("another server uses the folder {}", .0.display())]
    InUse(PathBuf),
    /// A file or folder of the server could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The action that failed, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The address to listen on cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address and port.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The system refuses threads, signals or randomness.
    #[error("the system refuses what a server needs: {0}")]
    System(io::Error),
}

impl ServingError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            ServingError::InUse(_) => Cause::InUse,
            ServingError::Io { source, .. } | ServingError::Listen { source, .. } => {
                Cause::of_io(source)
            }
            ServingError::System(_) => Cause::Resources,
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if there is one.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            ServingError::Listen { .. } => Some(Remedy::OtherListenAddress),
            ServingError::Io { action: "lock", source, .. } if has_no_locks(source) => {
                Some(Remedy::LocalStore)
            }
            _ => None,
        }
    }

    /// Returns one line that says what to do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            ServingError::InUse(_) => "stop it, or give this one a folder of its own",
            ServingError::Io { .. } => {
                "see that the folder is there, that it may be written to, and that the disk has room"
            }
            ServingError::Listen { .. } | ServingError::System(_) => return None,
        };
        Some(hint.to_owned())
    }
}

/// Makes a [`ServingError::Io`] of an I/O error: `.map_err(io_error("write", path))`.
pub(crate) fn io_error(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> ServingError {
    let path = path.to_owned();
    move |source| ServingError::Io { action, path, source }
}
