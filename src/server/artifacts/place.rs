//! Where the files are: a folder, or a bucket.

use std::fmt;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt as _, WriteMultipart};

use super::connector::{Connector, is_honoured};
use super::failure::failure;
use crate::server::ServerError;
use crate::server::error::io_error;
use crate::server::folder_name::folder_name;
use crate::serving::FolderLock;
use crate::temporary::{PREFIX, SUFFIX, TemporaryFile};

/// Pieces of an upload: S3 takes 10,000 of at least 5 MiB.
const PIECE_BYTES: usize = 16 << 20;
/// Pieces on their way at once.
const PIECES_AT_ONCE: usize = 3;

/// Where v2 files go.
#[derive(Debug, Clone)]
pub(crate) enum ArtifactPlace {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of an S3-compatible service.
    Bucket(Bucket),
}

/// A bucket and how to get at it.
#[derive(Clone)]
pub(crate) struct Bucket {
    /// `s3://bucket/prefix`.
    pub(crate) url: String,
    /// Credentials, region and service, by the names that the usual `AWS_…` variables have.
    pub(crate) variables: Vec<(String, String)>,
    /// Whether the service may be reached in plain HTTP.
    pub(crate) allow_http: bool,
    /// The local folder where files are written before they are sent.
    pub(crate) scratch: PathBuf,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Bucket")
            .field("url", &self.url)
            .field("scratch", &self.scratch)
            .finish_non_exhaustive()
    }
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
            ArtifactPlace::Bucket(bucket) => (&bucket.scratch, false),
        };
        let lock = FolderLock::take(folder)?;
        remove_leftovers(folder).map_err(io_error("clean up", folder))?;
        let store: Result<Arc<dyn ObjectStore>, _> = match self {
            ArtifactPlace::Folder(folder) => {
                LocalFileSystem::new_with_prefix(folder).map(|store| Arc::new(store) as _)
            }
            // What one server's jobs don't know of may be another's: each has a folder of its own.
            ArtifactPlace::Bucket(bucket) => bucket.open(&folder_name(folder)?),
        };
        let store = store.map_err(|error| failure("open the place for", &error))?;
        Ok(Opened { store, folder: folder.clone(), is_local, _lock: lock })
    }
}

impl Bucket {
    /// Opens what belongs to `owner`.
    fn open(&self, owner: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
        let mut builder = AmazonS3Builder::new();
        for (name, value) in &self.variables {
            // Other programs have variables of their own.
            let Ok(key) = name.to_ascii_lowercase().parse() else { continue };
            refuse_ignored(name, &key)?;
            builder = builder.with_config(key, value);
        }
        if self.allow_http {
            builder = builder.with_allow_http(true);
        }
        let builder = builder.with_url(&self.url).with_http_connector(Connector);
        Ok(Arc::new(PrefixStore::new(builder.build()?, self.prefix().join(owner))))
    }

    /// Returns the part of the URL that follows the bucket's name.
    fn prefix(&self) -> ObjectPath {
        let rest = self.url.split_once("://").map_or(&*self.url, |(_, rest)| rest);
        ObjectPath::from(rest.split_once('/').map_or("", |(_, prefix)| prefix))
    }
}

/// Refuses a variable that would have no effect though it has a meaning.
fn refuse_ignored(name: &str, key: &AmazonS3ConfigKey) -> object_store::Result<()> {
    match key {
        AmazonS3ConfigKey::Client(option) if !is_honoured(option) => {
            let source = format!("the variable {name} is not supported: unset it").into();
            Err(object_store::Error::Generic { store: "S3", source })
        }
        _ => Ok(()),
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

/// Sends a file in pieces; it appears when all are there.
pub(super) async fn upload(
    store: &dyn ObjectStore,
    path: &ObjectPath,
    file: &TemporaryFile,
) -> Result<(), ServerError> {
    let send = |error: object_store::Error| failure("upload", &error);
    let mut bytes = file.as_file();
    bytes.seek(SeekFrom::Start(0)).map_err(io_error("read", file.path()))?;
    let upload = store.put_multipart(path).await.map_err(send)?;
    let mut upload = WriteMultipart::new_with_chunk_size(upload, PIECE_BYTES);
    loop {
        let mut piece = Vec::new();
        let read = bytes.take(PIECE_BYTES as u64).read_to_end(&mut piece);
        if read.map_err(io_error("read", file.path()))? == 0 {
            break;
        }
        upload.wait_for_capacity(PIECES_AT_ONCE).await.map_err(send)?;
        upload.put(piece.into());
    }
    upload.finish().await.map_err(send)?;
    Ok(())
}
