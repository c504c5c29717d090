//! Files that only together are something.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{TemporaryFile, create_folders, live, missing_folders, sync_folder_of};

/// Files and folders that only together are something, such as the blobs of a layout: unless they
/// are completed, those that were not there before go again.
#[derive(Debug, Default)]
pub struct Provisional {
    files: Vec<PathBuf>,
    /// The deepest first.
    folders: Vec<PathBuf>,
}

impl Provisional {
    /// Creates the folder `path` and those above it, if they are missing.
    pub fn create_folders(&mut self, path: &Path) -> io::Result<()> {
        let mut live = live();
        let missing = missing_folders(path);
        live.folders.extend(missing.iter().cloned());
        self.folders = [missing, std::mem::take(&mut self.folders)].concat();
        create_folders(path, 0o777)
    }

    /// Publishes `file` as [`TemporaryFile::publish`] does, for as long as all of it stays.
    pub fn publish(&mut self, file: TemporaryFile, path: &Path) -> io::Result<()> {
        file.file.sync_all()?;
        let mut live = live();
        let is_new = !path.exists();
        file.rename(path, &mut live)?;
        if is_new {
            live.files.insert(path.to_owned());
            self.files.push(path.to_owned());
        }
        drop(live);
        sync_folder_of(path)
    }

    /// Publishes `file`, which completes it: in the same step everything before it stays for good.
    pub fn complete(mut self, file: TemporaryFile, path: &Path) -> io::Result<()> {
        file.file.sync_all()?;
        let mut live = live();
        file.rename(path, &mut live)?;
        for file in self.files.drain(..) {
            live.files.remove(&file);
        }
        for folder in self.folders.drain(..) {
            live.folders.remove(&folder);
        }
        drop(live);
        sync_folder_of(path)
    }

    /// Removes the files again, and leaves the folders to the end of `self`.
    pub fn discard_files(&mut self) {
        let mut live = live();
        for file in self.files.drain(..) {
            live.files.remove(&file);
            // The error that brought us here is the one to report.
            let _ = fs::remove_file(file);
        }
    }
}

impl Drop for Provisional {
    fn drop(&mut self) {
        self.discard_files();
        let mut live = live();
        // Folders that others have put something into meanwhile are not empty and stay.
        for folder in &self.folders {
            live.folders.remove(folder);
            let _ = fs::remove_dir(folder);
        }
    }
}
