//! The first part of a blob that comes in: kept, so that an interrupted transfer goes on where it stopped, whoever
//! does it.
//!
//! Nothing here is synced: what a power cut took or garbled is found by the blob's digest, and fetched again.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;

use super::error::io_error;
use super::files::{file_names, gone, open_layer, remove_obstacle};
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
    /// Returns what is there of the blob `digest`, which nothing may be yet; `None` if somebody else has it, or no file
    /// can be had for it: then the blob comes without.
    pub(crate) fn partial(&self, digest: Digest) -> Option<Partial> {
        self.open_partial(digest).unwrap_or_else(|error| {
            tracing::debug!("a blob comes without what is kept of it: {error}");
            None
        })
    }

    /// Bytes that are there of the blob `digest`.
    pub(crate) fn partial_bytes(&self, digest: Digest) -> u64 {
        let found = fs::symlink_metadata(self.partials().join(digest.hex()));
        found.ok().filter(fs::Metadata::is_file).map_or(0, |file| file.len())
    }

    fn open_partial(&self, digest: Digest) -> Result<Option<Partial>, StoreError> {
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

    /// Bytes of the parts that nothing was added to for `age`.
    pub(super) fn partials_bytes(&self, age: Duration) -> u64 {
        let paths = self.partial_files().unwrap_or_default();
        let old = paths.iter().filter(|path| is_older_than(path, age));
        old.filter_map(|path| Some(fs::symlink_metadata(path).ok()?.len())).sum()
    }

    fn partial_files(&self) -> io::Result<Vec<PathBuf>> {
        let folder = self.partials();
        if !folder.exists() {
            return Ok(Vec::new());
        }
        Ok(file_names(&folder)?.iter().map(|name| folder.join(name)).collect())
    }

    /// Removes what is there of the blob `digest`: it has served, or is not the blob's.
    pub(crate) fn forget_partial(&self, digest: Digest) {
        // What stays is taken up, or collected, by somebody else.
        let _ = fs::remove_file(self.partials().join(digest.hex()));
    }

    /// Removes the parts that nobody works on and that nothing was added to for `age`.
    pub(super) fn remove_partials(&self, age: Duration, leftovers: &mut Leftovers) {
        let folder = self.partials();
        let paths = match self.partial_files() {
            Ok(paths) => paths,
            Err(error) => return leftovers.troubles.push(Trouble::at(&folder, error)),
        };
        for path in paths.iter().filter(|path| is_older_than(path, age)) {
            match remove_unless_in_use(path) {
                Ok(bytes) => leftovers.bytes += bytes,
                Err(error) => leftovers.troubles.push(Trouble::at(path, error)),
            }
        }
    }
}

/// Whether nothing was added to the file for `age`. A clock that was set back makes files young.
fn is_older_than(path: &Path, age: Duration) -> bool {
    let changed = fs::symlink_metadata(path).and_then(|file| file.modified());
    let now = SystemTime::now();
    changed.is_ok_and(|changed| now.duration_since(changed).is_ok_and(|idle| idle >= age))
}

/// Removes the file unless somebody has it; returns how many bytes that freed.
fn remove_unless_in_use(path: &Path) -> Result<u64, StoreError> {
    let file = match open_layer(path) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(0),
        Err(obstacle @ StoreError::Obstacle { .. }) => {
            let removed = remove_obstacle(path).map_err(io_error("remove", path))?;
            return if removed { Ok(0) } else { Err(obstacle) };
        }
        Err(error) => return Err(error),
    };
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
