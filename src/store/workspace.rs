//! Folders for work in progress: locked while somebody works in them, so that what a killed process
//! left behind can be told from what is still being written.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::error::{io_error, lock_error};
use super::files::{file_names, gone, open_folder};
use super::trouble::Trouble;
use crate::temporary::TemporaryFile;

/// A folder that is ours while this lives, and gone afterwards with everything in it.
#[derive(Debug)]
pub struct Workspace {
    path: PathBuf,
    _lock: File,
}

impl Workspace {
    /// Creates an empty temporary file in the folder. The file goes with the folder at the latest.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn new_file(&self) -> Result<TemporaryFile, StoreError> {
        TemporaryFile::new_in(&self.path).map_err(io_error("create a file in", &self.path))
    }

    /// A folder in `parent` that nobody else has or waits for.
    pub(super) fn unique(parent: &Path) -> Result<Self, StoreError> {
        loop {
            let unnamed =
                tempfile::Builder::new().prefix("").rand_bytes(UNIQUE_NAME_LEN).tempdir_in(parent);
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
        let lock = match open_folder(&path) {
            Ok(None) => return Ok(None),
            Ok(Some(lock)) => lock,
            Err(StoreError::Obstacle { .. }) if !path.is_dir() => {
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        lock.lock().map_err(lock_error(&path))?;
        Workspace::locked(path, lock)
    }

    /// Takes the folder `path` if it is there and nobody has it.
    fn try_claim(path: PathBuf) -> Result<Option<Self>, StoreError> {
        let Some(lock) = open_folder(&path)? else { return Ok(None) };
        match lock.try_lock() {
            Ok(()) => Workspace::locked(path, lock),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(lock_error(&path)(error)),
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
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let is_folder = entry.file_type()?.is_dir();
            gone(match is_folder {
                true => fs::remove_dir_all(entry.path()),
                false => fs::remove_file(entry.path()),
            })?;
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

/// What killed processes had left half-done.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// Bytes that were freed.
    pub(super) bytes: u64,
    /// What could not be removed, and why.
    pub(super) troubles: Vec<Trouble>,
}

/// The length of the names that [`Workspace::unique`] makes.
const UNIQUE_NAME_LEN: usize = 6;

/// Whether [`Workspace::unique`] makes such names.
pub(super) fn is_unique_name(name: &str) -> bool {
    name.len() == UNIQUE_NAME_LEN && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Removes the folders in `parent` that killed processes left, known by their names; what somebody
/// works on stays.
pub(super) fn remove_leftovers(
    parent: &Path,
    is_ours: impl Fn(&str) -> bool,
    leftovers: &mut Leftovers,
) {
    let names = match file_names(parent) {
        Ok(names) => names,
        Err(error) => return leftovers.troubles.push(Trouble::at(parent, error)),
    };
    let ours = names.iter().filter(|name| is_ours(name)).map(|name| parent.join(name));
    for path in ours.filter(|path| path.is_dir() && !path.is_symlink()) {
        let bytes = size_of_files(&path);
        match Workspace::try_claim(path.clone()) {
            Ok(Some(workspace)) => {
                drop(workspace);
                match path.exists() {
                    true => leftovers.troubles.push(Trouble::at(&path, stays())),
                    false => leftovers.bytes += bytes,
                }
            }
            Ok(None) => {}
            Err(error) => leftovers.troubles.push(Trouble::at(&path, error)),
        }
    }
}

fn stays() -> io::Error {
    io::Error::new(io::ErrorKind::DirectoryNotEmpty, "not all that is in it can be removed")
}

/// How many bytes the files in `folder` have; files that go away meanwhile have none.
pub(super) fn size_of_files(folder: &Path) -> u64 {
    let names = file_names(folder).unwrap_or_default();
    names
        .iter()
        .filter_map(|name| Some(fs::metadata(folder.join(name)).ok()?.len()))
        .fold(0, u64::saturating_add)
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
