//! Folders for work in progress: locked while somebody works in them, so that what a killed process
//! left behind can be told from what is still being written.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::error::io_error;
use super::folder::{file_names, open_if_there};
use crate::temporary::TemporaryFile;

/// A folder that is ours while this lives, and gone afterwards with everything in it.
#[derive(Debug)]
pub struct Workspace {
    path: PathBuf,
    _lock: File,
}

impl Workspace {
    /// Creates an empty temporary file in the folder. It goes with the folder at the latest.
    pub fn new_file(&self) -> Result<TemporaryFile, StoreError> {
        TemporaryFile::new_in(&self.path).map_err(io_error("create a file in", &self.path))
    }

    /// A folder in `parent` that nobody else has or waits for.
    pub(super) fn unique(parent: &Path) -> Result<Self, StoreError> {
        loop {
            let unnamed = tempfile::Builder::new().prefix("").tempdir_in(parent);
            let path = unnamed.map_err(io_error("create a folder in", parent))?.keep();
            if let Some(workspace) = Workspace::try_claim(path)? {
                return Ok(workspace);
            }
        }
    }

    /// Waits for the folder `path` to be free, and takes it; it is created where it does not exist.
    /// `None` if it went away meanwhile: whoever had it is done.
    pub(super) fn claim(path: PathBuf) -> Result<Option<Self>, StoreError> {
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(io_error("create", &path)(error));
            }
            _ => {}
        }
        let Some(lock) = open_if_there(&path)? else { return Ok(None) };
        lock.lock().map_err(io_error("lock", &path))?;
        Workspace::locked(path, lock)
    }

    /// Takes the folder `path` if it is there and nobody has it.
    fn try_claim(path: PathBuf) -> Result<Option<Self>, StoreError> {
        let Some(lock) = open_if_there(&path)? else { return Ok(None) };
        match lock.try_lock() {
            Ok(()) => Workspace::locked(path, lock),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(io_error("lock", &path)(error)),
        }
    }

    fn locked(path: PathBuf, lock: File) -> Result<Option<Self>, StoreError> {
        if !is_still_at(&lock, &path).map_err(io_error("read", &path))? {
            return Ok(None);
        }
        let workspace = Workspace { path, _lock: lock };
        workspace.clear().map_err(io_error("empty", &workspace.path))?;
        Ok(Some(workspace))
    }

    fn clear(&self) -> io::Result<()> {
        for name in file_names(&self.path)? {
            fs::remove_file(self.path.join(name))?;
        }
        Ok(())
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What cannot be removed is taken over or removed by whoever comes next.
        let _ = self.clear();
        let _ = fs::remove_dir(&self.path);
    }
}

/// Removes the folders in `parent` that killed processes left; what somebody works on stays.
/// Returns how many bytes that freed.
pub(super) fn remove_leftovers(parent: &Path) -> Result<u64, StoreError> {
    let names = file_names(parent).map_err(io_error("list", parent))?;
    let mut freed = 0;
    for path in names.iter().map(|name| parent.join(name)).filter(|path| path.is_dir()) {
        let bytes = size_of_files(&path);
        if Workspace::try_claim(path)?.is_some() {
            freed += bytes;
        }
    }
    Ok(freed)
}

/// How many bytes the files in `folder` have; files that go away meanwhile have none.
pub(super) fn size_of_files(folder: &Path) -> u64 {
    let names = file_names(folder).unwrap_or_default();
    names.iter().filter_map(|name| Some(fs::metadata(folder.join(name)).ok()?.len())).sum()
}

/// Whether `path` still names the open folder.
fn is_still_at(folder: &File, path: &Path) -> io::Result<bool> {
    let ours = folder.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
