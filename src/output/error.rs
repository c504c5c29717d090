//! Why a place can't take a result.

use std::io;
use std::path::{Path, PathBuf};

use crate::{Cause, ErrorKind};

/// Why a place can't take a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// A folder is there.
    #[error("cannot write {}: it is a folder", .0.display())]
    IsFolder(PathBuf),
    /// A socket is there.
    #[error("cannot write {}: it is a socket", .0.display())]
    Socket(PathBuf),
    /// The folder that is to hold the file is missing.
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    /// A file system or another file is mounted on the file.
    #[error("cannot replace {}: it is a mount point", .0.display())]
    MountPoint(PathBuf),
    /// The file belongs to somebody else, in a folder where only owners may replace their files.
    #[error("cannot replace {}: it is somebody else's", .0.display())]
    SomebodyElses(PathBuf),
    /// The system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// The action that failed, for instance `write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl OutputError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            OutputError::IsFolder(_) | OutputError::Socket(_) => Cause::Usage,
            OutputError::NoFolder(_) => Cause::NoFile,
            OutputError::MountPoint(_) => Cause::Obstacle,
            OutputError::SomebodyElses(_) => Cause::Permission,
            OutputError::Io { source, .. } => Cause::of_io(source),
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns what a user can do about the error, if there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            OutputError::IsFolder(_) => "name a file in it",
            OutputError::Socket(_) => "name a file, a FIFO or a device",
            OutputError::NoFolder(_) => "create the folder first",
            OutputError::MountPoint(_) => {
                "mount the folder that holds the file instead of the file, or name another file"
            }
            OutputError::SomebodyElses(_) => "name another file",
            OutputError::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "free some space, or name a place on another disk"
                }
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                    "name a place that may be written to"
                }
                _ => return None,
            },
        };
        Some(hint.to_owned())
    }

    /// The error of a write to the output `path`.
    pub fn from_write(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        Self::io("write", path)
    }

    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| OutputError::Io { doing, path, source }
    }
}
