//! The first part of a blob that comes in: kept, so that an interrupted transfer goes on where it stopped, whoever
//! does it.
//!
//! Nothing here is synced: what a power cut took or garbled is found by the blob's digest, and fetched again.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::io_error;
use super::files::{file_names, gone, open_layer};
use super::trouble::Trouble;
use super::workspace::Leftovers;
use super::{Store, StoreError};
use crate::image::Digest;
use crate::temporary::create_folders;

/// The first part of a blob, locked while this lives.
#[derive(Debug)]
pub(crate) struct Partial {
    path: PathBuf,
    file: File,
}

impl Store {
    /// Returns what is there of the blob `digest`, which nothing may be yet; `None` if somebody else has it.
    ///
    /// # Errors
    /// If the file cannot be made or opened.
    pub(crate) fn partial(&self, digest: Digest) -> Result<Option<Partial>, StoreError> {
        self.raise_format()?;
        let folder = self.partials();
        create_folders(&folder, 0o700).map_err(io_error("create", &folder))?;
        let path = folder.join(digest.hex());
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

    /// Removes what is there of the blob `digest`: it has served, or is not the blob's.
    pub(crate) fn forget_partial(&self, digest: Digest) {
        // What stays is taken up, or collected, by somebody else.
        let _ = fs::remove_file(self.partials().join(digest.hex()));
    }

    /// Removes the parts that nobody works on.
    pub(super) fn remove_partials(&self, leftovers: &mut Leftovers) {
        let folder = self.partials();
        if !folder.exists() {
            return;
        }
        let names = match file_names(&folder) {
            Ok(names) => names,
            Err(error) => return leftovers.troubles.push(Trouble::at(&folder, error)),
        };
        for path in names.iter().map(|name| folder.join(name)) {
            match remove_unless_in_use(&path) {
                Ok(bytes) => leftovers.bytes += bytes,
                Err(error) => leftovers.troubles.push(Trouble::at(&path, error)),
            }
        }
    }
}

/// Removes the file unless somebody has it; returns how many bytes that freed.
fn remove_unless_in_use(path: &Path) -> Result<u64, StoreError> {
    let Some(file) = open_layer(path)? else { return Ok(0) };
    if file.try_lock().is_err() {
        return Ok(0);
    }
    let bytes = file.metadata().map_or(0, |file| file.len());
    gone(fs::remove_file(path)).map_err(io_error("remove", path))?;
    Ok(bytes)
}

impl Partial {
    /// How many bytes are there.
    pub(crate) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Reads what is there from its start.
    pub(crate) fn reader(&self) -> io::Result<impl Read + Send + use<>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }

    /// Adds bytes at the end.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(bytes)
    }
}
