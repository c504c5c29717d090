//! The failures of the store.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::trouble::{Reason, read_only};
use crate::image::{DiffId, Excess, ImageError};
use crate::memory::is_limited;
use crate::temporary::has_no_locks;
use crate::{Cause, ErrorKind, Remedy};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No home directory to put the store under.
    #[error("no folder for the store: neither XDG_CACHE_HOME nor HOME is set")]
    NoDefaultPath,
    /// A file or folder of the store could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The action that failed, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file system cannot lock files, and without locks processes would harm each other.
    #[error("cannot lock {}: {source}", path.display())]
    NoLocks {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The folder holds other things than a store.
    #[error("{} holds {name:?} and is no store of layers", path.display())]
    NotAStore {
        /// The folder.
        path: PathBuf,
        /// One of the names in the folder that no store has.
        name: String,
    },
    /// Root is to take files out of a store that another user could exchange.
    #[error("{}, and root takes no files out of a store that others can fill", whose(path, *owner))]
    Foreign {
        /// The folder, or a link on the way to the store.
        path: PathBuf,
        /// The user that it belongs to; `None` if it is root's, and others may write there.
        owner: Option<u32>,
    },
    /// The store was made by a newer version, or its format cannot be told.
    #[error("the store {} has the format {found:?}; this version knows formats up to {known}", path.display())]
    UnknownFormat {
        /// The folder.
        path: PathBuf,
        /// The format that the store says it has, shortened.
        found: String,
        /// The newest format that this version knows.
        known: u32,
    },
    /// Something stands where a file or folder of the store belongs.
    #[error("{} is in the way: it is a {kind}", path.display())]
    Obstacle {
        /// Where.
        path: PathBuf,
        /// The kind of file that stands there.
        kind: &'static str,
    },
    /// The bytes of a layer could not be had from where the image lives.
    #[error("cannot read layer {diff_id}: {source}")]
    Source {
        /// The layer.
        diff_id: DiffId,
        /// Why not.
        source: Box<ImageError>,
    },
    /// The image contradicts itself.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// The bytes that came in are not the layer that the image's config names.
    #[error("layer {expected} unpacks to {actual}: it is not the layer that the config names")]
    WrongDiffId {
        /// The diff ID that the config names.
        expected: DiffId,
        /// The digest of what came in.
        actual: DiffId,
    },
    /// A stored layer is not what it was when it came in. The layer is not in the store any more.
    #[error("the layer {diff_id} in the store was damaged and has been dropped")]
    Damaged {
        /// The layer.
        diff_id: DiffId,
    },
    /// A layer that something here needs is not there any more.
    #[error("the layer {diff_id} is not in the store any more")]
    Lost {
        /// The layer.
        diff_id: DiffId,
    },
    /// What the store has written down of an image is damaged.
    #[error("the record {} of an image or a deployment is damaged: {problem}", path.display())]
    DamagedName {
        /// The record's file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A layer, or an image with it, unpacks to more than the limits allow.
    #[error("layer {diff_id} unpacks to {excess}")]
    TooLarge {
        /// The layer.
        diff_id: DiffId,
        /// The limit.
        excess: Excess,
    },
    /// The layers of an image unpack to more than the limits allow.
    #[error("the layers of {reference} unpack to {excess}")]
    ImageTooLarge {
        /// The image.
        reference: String,
        /// The limit.
        excess: Excess,
    },
}

impl From<StoreError> for Reason {
    fn from(error: StoreError) -> Self {
        let remedy = match &error {
            StoreError::Io { source, .. } => read_only(source).or(error.remedy()),
            StoreError::DamagedName { .. } => Some(Remedy::RepairStore),
            error => error.remedy(),
        };
        Reason { problem: error.to_string(), cause: error.cause(), remedy, hint: error.hint() }
    }
}

impl From<ImageError> for StoreError {
    fn from(error: ImageError) -> Self {
        StoreError::Image(Box::new(error))
    }
}

impl StoreError {
    /// The failure as one of I/O, for whoever reads a stream: what the system said, if it said anything.
    pub(super) fn into_io(self) -> io::Error {
        match self {
            StoreError::Io { source, .. } | StoreError::NoLocks { source, .. } => source,
            StoreError::Obstacle { .. } => io::Error::new(io::ErrorKind::InvalidData, self),
            error => io::Error::other(error),
        }
    }

    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            StoreError::NoDefaultPath => Cause::NoFile,
            StoreError::Io { source, .. } => Cause::of_io(source),
            StoreError::NoLocks { .. } => Cause::Disk,
            StoreError::NotAStore { .. }
            | StoreError::UnknownFormat { .. }
            | StoreError::Obstacle { .. } => Cause::Obstacle,
            StoreError::Foreign { .. } => Cause::Permission,
            StoreError::DamagedName { .. } => Cause::Disk,
            StoreError::Damaged { .. } | StoreError::Lost { .. } => Cause::DamagedLayer,
            StoreError::Source { source, .. } | StoreError::Image(source) => source_cause(source),
            StoreError::WrongDiffId { .. } => Cause::Content,
            StoreError::TooLarge { .. } | StoreError::ImageTooLarge { .. } => Cause::TooLarge,
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }

    /// Returns the remedy, if one is known.
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            StoreError::NoDefaultPath => Remedy::NameStore,
            StoreError::Io { source, .. } => return io_remedy(source),
            StoreError::NoLocks { .. } => Remedy::LocalStore,
            StoreError::NotAStore { .. } | StoreError::UnknownFormat { .. } => Remedy::OtherStore,
            StoreError::Foreign { .. } => Remedy::OwnStore,
            StoreError::Obstacle { .. } => Remedy::ClearStore,
            StoreError::DamagedName { .. } => Remedy::PullAgain,
            StoreError::Damaged { .. } => Remedy::VerifyStore,
            StoreError::Lost { .. } => Remedy::RepairStore,
            StoreError::Source { source, .. } | StoreError::Image(source) => {
                return source.remedy();
            }
            StoreError::WrongDiffId { .. } => Remedy::RebuildImage,
            StoreError::TooLarge { .. } | StoreError::ImageTooLarge { .. } => Remedy::LargerLayers,
        })
    }

    /// One line that says what to do about an image that cannot be read.
    pub fn hint(&self) -> Option<String> {
        match self {
            StoreError::Source { source, .. } | StoreError::Image(source) => source.hint(),
            _ => None,
        }
    }
}

/// Says whose a folder is that somebody else could exchange.
pub(crate) fn whose(path: &Path, owner: Option<u32>) -> String {
    let path = path.display();
    match owner {
        Some(owner) => format!("{path} belongs to user {owner}"),
        None => format!("{path} can be changed by users other than root"),
    }
}

/// A decoder that refuses the bytes says so as an I/O error; it is the content all the same.
fn source_cause(error: &ImageError) -> Cause {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error {
        ImageError::Stream { source, .. }
            if matches!(source.kind(), InvalidData | InvalidInput | UnexpectedEof) =>
        {
            Cause::Content
        }
        error => error.cause(),
    }
}

fn io_remedy(error: &io::Error) -> Option<Remedy> {
    if matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE)) {
        return Some(Remedy::MoreOpenFiles);
    }
    if Errno::from_io_error(error) == Some(Errno::NOMEM) && is_limited() {
        return Some(Remedy::MoreAddressSpace);
    }
    Some(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Remedy::FreeStoreSpace,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Remedy::WritableStore
        }
        _ if is_unreadable(error) => Remedy::VerifyStore,
        _ => return None,
    })
}

/// Whether the disk, not the program's rights, kept a file from being read.
pub(super) fn is_unreadable(error: &io::Error) -> bool {
    // EHWPOISON, EUCLEAN and EBADMSG are what file systems say about pages that are lost.
    const LOST: [Errno; 5] =
        [Errno::IO, Errno::HWPOISON, Errno::UCLEAN, Errno::BADMSG, Errno::FAULT];
    Errno::from_io_error(error).is_some_and(|errno| LOST.contains(&errno))
}

/// Makes a [`StoreError::Io`] of an I/O error: `.map_err(io_error("write", path))`.
pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}

/// Makes an error of a lock that was not to be had.
pub(super) fn lock_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| match has_no_locks(&source) {
        true => StoreError::NoLocks { path, source },
        false => StoreError::Io { action: "lock", path, source },
    }
}
