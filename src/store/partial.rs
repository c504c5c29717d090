//! The first part of a blob that comes in: kept, so that an interrupted transfer goes on where it stopped, whoever
//! does it.
//!
//! Nothing here is synced: what a power cut took or garbled is found by the blob's digest, and fetched again.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use rustix::fs::OFlags;

use super::error::io_error;
use super::format::WITH_NAMES;
use super::{Store, StoreError};
use crate::image::{DiffId, Digest};
use crate::temporary::create_folders;

/// A blob on its way, by what it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IncomingBlob {
    pub(crate) digest: Digest,
    /// The layer that the blob makes: once that is there, the blob is of no more use, whoever left it.
    pub(crate) layer: DiffId,
}

impl IncomingBlob {
    fn file_name(self) -> String {
        format!("{}{}", self.digest.hex(), end_of_names(self.layer))
    }
}

/// What the names of all blobs that make `layer` end with.
pub(super) fn end_of_names(layer: DiffId) -> String {
    format!("-{}", layer.0.hex())
}

/// The first part of a blob, locked while this lives.
#[derive(Debug)]
pub(crate) struct Partial {
    path: PathBuf,
    file: File,
}

impl Store {
    /// Returns what is there of `blob`, which nothing may be yet; `None` if somebody else has it, or no file
    /// can be had for it: then the blob comes without.
    pub(crate) fn partial(&self, blob: IncomingBlob) -> Option<Partial> {
        self.open_partial(blob).unwrap_or_else(|error| {
            tracing::debug!("a blob comes without what is kept of it: {error}");
            None
        })
    }

    /// Bytes that are there of `blob`.
    pub(crate) fn partial_bytes(&self, blob: IncomingBlob) -> u64 {
        let found = fs::symlink_metadata(self.partials().join(blob.file_name()));
        found.ok().filter(fs::Metadata::is_file).map_or(0, |file| file.len())
    }

    fn open_partial(&self, blob: IncomingBlob) -> Result<Option<Partial>, StoreError> {
        self.raise_format(WITH_NAMES)?;
        let folder = self.partials();
        create_folders(&folder, 0o700).map_err(io_error("create", &folder))?;
        let path = folder.join(blob.file_name());
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.custom_flags(flags).open(&path).map_err(io_error("open", &path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            // Where there are no locks the whole blob is fetched.
            Err(TryLockError::Error(_)) => return Ok(None),
            Ok(()) => {}
        }
        match file.metadata() {
            Ok(metadata) if metadata.is_file() && metadata.nlink() == 1 => {
                Ok(Some(Partial { path, file }))
            }
            // Collected between open and lock.
            Ok(_) => Ok(None),
            Err(error) => Err(io_error("read", &path)(error)),
        }
    }

    /// Removes what is there of `blob`: it has served, or is not the blob's.
    pub(crate) fn forget_partial(&self, blob: IncomingBlob) {
        // What stays is taken up, or collected, by somebody else.
        let _ = fs::remove_file(self.partials().join(blob.file_name()));
    }
}

impl Partial {
    /// How many bytes are there.
    pub(crate) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Reads what is there from its start, of the very file that is locked.
    pub(crate) fn reader(&self) -> io::Result<impl Read + Send + use<>> {
        Ok(FromStart { file: self.file.try_clone()?, read: 0 })
    }

    /// Empties the file: what is there is not to be gone on with.
    pub(crate) fn clear(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Adds bytes at the end.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(bytes)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // An empty one is of use to nobody.
        if self.len().is_ok_and(|len| len == 0) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A file read from its start, wherever others write in it.
struct FromStart {
    file: File,
    read: u64,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.file.read_at(buffer, self.read)?;
        self.read += len as u64;
        Ok(len)
    }
}
