//! The first parts of blobs that nobody goes on with: counted and collected.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::io_error;
use super::files::{clear_obstacle, file_names, gone, open_layer};
use super::trouble::Trouble;
use super::workspace::Leftovers;
use super::{Store, StoreError};

impl Store {
    /// Bytes of the parts that nothing was added to for `age`.
    pub(super) fn partials_bytes(&self, age: Duration) -> u64 {
        let paths = self.partial_files().unwrap_or_default();
        let old = paths.iter().filter(|path| is_older_than(path, age));
        old.filter_map(|path| Some(fs::symlink_metadata(path).ok()?.len()))
            .fold(0, u64::saturating_add)
    }

    fn partial_files(&self) -> io::Result<Vec<PathBuf>> {
        let folder = self.partials();
        if !folder.exists() {
            return Ok(Vec::new());
        }
        Ok(file_names(&folder)?.iter().map(|name| folder.join(name)).collect())
    }

    /// Removes the parts of blobs that make `layer` and that nobody works on: whoever left them was stopped between
    /// keeping the layer and forgetting its blob.
    #[cfg(feature = "registry")]
    pub(crate) fn forget_partials_of(&self, layer: crate::image::DiffId) {
        let end = super::partial::end_of_names(layer);
        for path in self.partial_files().unwrap_or_default() {
            if path.to_str().is_some_and(|path| path.ends_with(&end)) {
                // What stays is collected.
                let _ = remove_unless_in_use(&path);
            }
        }
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
            return clear_obstacle(path, obstacle).map(|()| 0);
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
