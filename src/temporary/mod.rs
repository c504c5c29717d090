//! Temporary files that never stay behind: one that is dropped goes, and an interrupt discards
//! them all at once.
//!
//! Everything that Remora writes to disk is written here first and appears under its name in one
//! step, complete and synced. A process that dies without warning can leave a file named
//! `.remora-*.tmp`; it is never taken for anything else. Each is locked (flock) while its process
//! lives, so that whoever writes into the same folder next can tell it from one in use and remove
//! it. Whole trees are the same, named `.remora-tree-*.tmp`.

mod leftovers;
mod live;
mod name;
mod provisional;
mod system_error;
mod tree;

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

pub(crate) use leftovers::is_at;
pub use leftovers::{Leftover, leftovers, remove_leftovers};
use live::{Live, live};
pub use name::{PREFIX, SUFFIX, is_temporary_name};
pub use provisional::Provisional;
use system_error::without_path;
pub(crate) use tree::{TemporaryTree, remove_leftover_trees};

/// A file under a temporary name, removed when dropped.
#[derive(Debug)]
pub struct TemporaryFile {
    file: File,
    path: PathBuf,
}

impl TemporaryFile {
    /// Creates an empty file in `folder`, which must be on the file system it is to stay on. The
    /// file's mode is what the umask leaves of 0666.
    pub fn new_in(folder: &Path) -> io::Result<Self> {
        let mut live = live();
        loop {
            let (file, path) = tempfile::Builder::new()
                .prefix(PREFIX)
                .suffix(SUFFIX)
                .rand_bytes(name::RANDOM_CHARACTERS)
                .permissions(Permissions::from_mode(0o666))
                .tempfile_in(folder)
                .map_err(without_path)?
                .keep()?;
            // Where there are no locks nobody else can claim the file either. Whoever collects
            // leftovers may have seen it before it was locked: then it is gone.
            let _ = file.try_lock();
            if is_at(&file, &path)? {
                live.files.insert(path.clone());
                return Ok(TemporaryFile { file, path });
            }
        }
    }

    /// The open file, readable and writable.
    pub fn as_file(&self) -> &File {
        &self.file
    }

    /// Returns the file's temporary path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the file; it stays under its temporary name until what is returned is dropped.
    pub fn close(mut self) -> TemporaryPath {
        TemporaryPath(std::mem::take(&mut self.path))
    }

    /// Makes the file durable and gives it its name `path` (same file system), replacing what was
    /// there. On failure the temporary file is gone and `path` as it was.
    pub fn publish(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        self.rename(path, &mut live())?;
        sync_folder_of(path)
    }

    fn rename(&self, path: &Path, live: &mut Live) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        live.files.remove(&self.path);
        Ok(())
    }
}

/// Creates the folder `path` and those above it with the mode `mode`, if they are missing, and
/// makes their names durable: otherwise a power cut may take a folder with all that was synced in
/// it.
pub fn create_folders(path: &Path, mode: u32) -> io::Result<()> {
    for folder in missing_folders(path).iter().rev() {
        match DirBuilder::new().mode(mode).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => sync_folder_of(folder)?,
        }
    }
    if path.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// `path` and the folders above it, as far as they are missing, the deepest first.
fn missing_folders(path: &Path) -> Vec<PathBuf> {
    let above = path.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    above.take_while(|folder| !folder.exists()).map(Path::to_owned).collect()
}

/// Whether `error`, of locking a file, says that the file system has no locks, as some network file
/// systems do. Otherwise the lock is somebody's, or the file can't be used at all.
pub(crate) fn has_no_locks(error: &io::Error) -> bool {
    const UNSUPPORTED: [Errno; 4] = [Errno::NOTSUP, Errno::NOLCK, Errno::NOSYS, Errno::INVAL];
    Errno::from_io_error(error).is_some_and(|errno| UNSUPPORTED.contains(&errno))
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
        remove_if_live(&self.path);
    }
}

/// A temporary file that is not open, removed when dropped.
#[derive(Debug)]
pub struct TemporaryPath(PathBuf);

impl TemporaryPath {
    /// Returns the file's temporary path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryPath {
    fn drop(&mut self) {
        remove_if_live(&self.0);
    }
}

/// Removes a temporary file, unless it has been published or discarded.
fn remove_if_live(path: &Path) {
    let mut live = live();
    if live.files.remove(path) {
        // Nobody is left to tell: the file is under a name that nothing reads.
        let _ = fs::remove_file(path);
    }
}

/// Removes every temporary file, and what is not complete, and stops any more from being made or
/// published, for ever: the caller ends the process next. Threads that want to write a file after
/// this wait.
pub fn discard_all() {
    let live = live();
    for file in &live.files {
        let _ = fs::remove_file(file);
    }
    // Backwards, a folder comes after those in it.
    for folder in live.folders.iter().rev() {
        let _ = fs::remove_dir(folder);
    }
    for (path, gate) in &live.trees {
        tree::discard(path, gate);
    }
    std::mem::forget(live);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("readable");
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

    #[test]
    fn what_is_not_completed_goes_and_what_was_there_stays() {
        let folder = tempfile::tempdir().expect("folder");
        let new_file = || TemporaryFile::new_in(folder.path()).expect("created");
        let old = folder.path().join("old");
        new_file().publish(&old).expect("published");
        let build = || {
            let mut whole = Provisional::default();
            whole.create_folders(&folder.path().join("a/b")).expect("created");
            whole.publish(new_file(), &folder.path().join("a/b/part")).expect("published");
            whole.publish(new_file(), &old).expect("replaced");
            whole
        };
        drop(build());
        assert_eq!(names(folder.path()), ["old"]);
        build().complete(new_file(), &folder.path().join("a/last")).expect("completed");
        assert_eq!(names(&folder.path().join("a/b")), ["part"]);
    }
}
