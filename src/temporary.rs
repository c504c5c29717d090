//! Temporary files that never stay behind: one that is dropped goes, and an interrupt discards
//! them all at once.
//!
//! Whatever Remora writes to disk is written here first and appears under its name in one step,
//! complete and synced. A process that dies without warning can leave a file named
//! `.remora-*.tmp`; it is never taken for anything else.

use std::collections::BTreeSet;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How the name of every temporary file starts.
pub const PREFIX: &str = ".remora-";
/// How the name of every temporary file ends.
pub const SUFFIX: &str = ".tmp";

/// The temporary files that exist. Whoever holds the lock may create, publish or remove one.
static LIVE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn live() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file under a temporary name, removed when dropped.
#[derive(Debug)]
pub struct TemporaryFile {
    file: File,
    path: PathBuf,
}

impl TemporaryFile {
    /// Creates an empty file in `folder`, which must be on the file system it is to stay on. Its
    /// mode is what the umask leaves of 0666.
    pub fn new_in(folder: &Path) -> io::Result<Self> {
        let mut live = live();
        let (file, path) = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?
            .keep()?;
        live.insert(path.clone());
        Ok(TemporaryFile { file, path })
    }

    /// The open file, readable and writable.
    pub fn as_file(&self) -> &File {
        &self.file
    }

    /// Its temporary path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file durable and gives it its name `path` (same file system), replacing what was
    /// there. On failure the temporary file is gone and `path` as it was.
    pub fn publish(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        let mut live = live();
        std::fs::rename(&self.path, path)?;
        live.remove(&self.path);
        drop(live);
        sync_folder_of(path)
    }
}

/// Makes the entries of the folder that holds `path` durable.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

impl Write for TemporaryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let mut live = live();
        if live.remove(&self.path) {
            // Nobody is left to tell: the file is under a name that nothing reads.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Removes every temporary file and stops any more from being made or published, for ever: the
/// caller ends the process next. Threads that want a temporary file after this wait.
pub fn discard_all() {
    let live = live();
    for path in live.iter() {
        let _ = std::fs::remove_file(path);
    }
    std::mem::forget(live);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("readable");
        entries
            .map(|entry| entry.expect("entry").file_name().into_string().expect("utf-8"))
            .collect()
    }

    #[test]
    fn a_dropped_file_is_gone_and_a_published_one_stays() {
        let folder = tempfile::tempdir().expect("folder");
        drop(TemporaryFile::new_in(folder.path()).expect("created"));
        assert_eq!(names(folder.path()), [""; 0]);

        let mut file = TemporaryFile::new_in(folder.path()).expect("created");
        file.write_all(b"whole").expect("written");
        let name = file.path().file_name().expect("name").to_string_lossy().into_owned();
        assert!(name.starts_with(PREFIX) && name.ends_with(SUFFIX), "{name}");
        file.publish(&folder.path().join("done")).expect("published");
        assert_eq!(names(folder.path()), ["done"]);
    }

    #[test]
    fn a_file_that_cannot_be_published_is_gone() {
        let folder = tempfile::tempdir().expect("folder");
        let file = TemporaryFile::new_in(folder.path()).expect("created");
        assert!(file.publish(&folder.path().join("no/such/folder")).is_err());
        assert_eq!(names(folder.path()), [""; 0]);
    }
}
