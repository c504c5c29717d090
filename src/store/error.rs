//! What can go wrong with the store.

use std::io;
use std::path::{Path, PathBuf};

use crate::ErrorKind;
use crate::image::{DiffId, ImageError};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No home directory to put the store under.
    #[error("no folder for the store: neither XDG_CACHE_HOME nor HOME is set")]
    NoDefaultPath,
    /// A file or folder of the store could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
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
    /// What came in is not the layer that the image's config names.
    #[error("layer {expected} unpacks to {actual}: it is not the layer that the config names")]
    WrongDiffId {
        /// The diff ID that the config names.
        expected: DiffId,
        /// The digest of what came in.
        actual: DiffId,
    },
    /// A layer unpacks to more than the store takes.
    #[error("layer {diff_id} unpacks to more than {limit} bytes")]
    TooLarge {
        /// The layer.
        diff_id: DiffId,
        /// The store's limit in bytes.
        limit: u64,
    },
}

impl From<ImageError> for StoreError {
    fn from(error: ImageError) -> Self {
        StoreError::Image(Box::new(error))
    }
}

impl StoreError {
    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            StoreError::NoDefaultPath | StoreError::Io { .. } => ErrorKind::Environment,
            StoreError::Source { source, .. } | StoreError::Image(source) => source_kind(source),
            StoreError::WrongDiffId { .. } | StoreError::TooLarge { .. } => ErrorKind::Content,
        }
    }

    /// One line that says what to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            StoreError::NoDefaultPath => "name a folder with --store or REMORA_STORE".into(),
            StoreError::Io { source, .. } => return io_hint(source),
            StoreError::Source { source, .. } | StoreError::Image(source) => return source.hint(),
            StoreError::WrongDiffId { .. } => {
                "the image is damaged or was put together wrongly: push it again from its source"
                    .into()
            }
            StoreError::TooLarge { .. } => {
                "if the layer is really that large, raise the limit on layer size".into()
            }
        })
    }
}

/// A decoder that refuses the bytes says so as an I/O error; it is the content all the same.
fn source_kind(error: &ImageError) -> ErrorKind {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error {
        ImageError::Stream { source, .. }
            if matches!(source.kind(), InvalidData | InvalidInput | UnexpectedEof) =>
        {
            ErrorKind::Content
        }
        error => error.kind(),
    }
}

fn io_hint(error: &io::Error) -> Option<String> {
    Some(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, for instance with remora store gc, or name another folder with --store"
                .into()
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "name a folder that you may write to with --store or REMORA_STORE".into()
        }
        _ => return None,
    })
}

/// Makes a [`StoreError::Io`] of an I/O error: `.map_err(io_error("write", path))`.
pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}
