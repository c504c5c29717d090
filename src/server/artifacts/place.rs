//! Where the files are: a folder, or a bucket.

use std::fs;
use std::io::{Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;

use super::failure::failure;
use crate::server::ServerError;
use crate::server::bucket::{Bucket, SendError, send};
use crate::server::error::io_error;
use crate::server::folder_name::folder_name;
use crate::serving::FolderLock;
use crate::temporary::{PREFIX, SUFFIX, TemporaryFile};

/// Where v2 files go.
#[derive(Debug, Clone)]
pub(crate) enum ArtifactPlace {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of an S3-compatible service.
    Bucket(BucketPlace),
}

/// A bucket and what of it is for files.
#[derive(Debug, Clone)]
pub(crate) struct BucketPlace {
    pub(crate) bucket: Bucket,
    /// The local folder where files are written before they are sent.
    pub(crate) scratch: PathBuf,
    /// The folder in the bucket, where several servers have one; otherwise each has one of its own.
    pub(crate) folder: Option<String>,
}

/// A place that is in use.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) store: Arc<dyn ObjectStore>,
    /// Where files are written; the place itself if it is local.
    pub(super) folder: PathBuf,
    pub(super) is_local: bool,
    _lock: FolderLock,
}

impl ArtifactPlace {
    pub(super) fn open(&self) -> Result<Opened, ServerError> {
        let (folder, is_local) = match self {
            ArtifactPlace::Folder(folder) => (folder, true),
            ArtifactPlace::Bucket(place) => (&place.scratch, false),
        };
        let lock = FolderLock::take(folder)?;
        remove_leftovers(folder).map_err(io_error("clean up", folder))?;
        let store: Result<Arc<dyn ObjectStore>, _> = match self {
            ArtifactPlace::Folder(folder) => {
                LocalFileSystem::new_with_prefix(folder).map(|store| Arc::new(store) as _)
            }
            // What one server's jobs don't know of may be another's: each has a folder of its own.
            ArtifactPlace::Bucket(place) => match &place.folder {
                Some(shared) => place.bucket.open(shared),
                None => place.bucket.open(&folder_name(folder)?),
            },
        };
        let store = store.map_err(|error| failure("open the place for", &error))?;
        Ok(Opened { store, folder: folder.clone(), is_local, _lock: lock })
    }
}

/// Removes what a killed server was writing.
fn remove_leftovers(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Sends a file; it appears when all of it is there.
pub(super) async fn upload(
    store: &dyn ObjectStore,
    path: &ObjectPath,
    file: &TemporaryFile,
) -> Result<(), ServerError> {
    let mut bytes = file.as_file();
    bytes.seek(SeekFrom::Start(0)).map_err(io_error("read", file.path()))?;
    send(store, path, &mut bytes).await.map_err(|error| match error {
        SendError::Read(error) => io_error("read", file.path())(error),
        SendError::Service(error) => failure("upload", &error),
    })
}
