//! Deleting a layer that nobody uses.

use std::fs::{self, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::error::{io_error, lock_error};
use super::files::{clear_obstacle, gone, open_layer};
use super::{Store, StoreError};

/// What came of a layer that was to be collected.
pub(super) enum Removal {
    Removed,
    /// Somebody else had removed it.
    Gone,
    InUse,
    /// An image that is known by name needs it.
    Named,
    /// Nothing asked for its removal.
    Kept,
}

impl Store {
    /// Deletes the file `path` of a layer, unless somebody uses it; if not `really`, says only what would become of it.
    pub(super) fn remove_unless_in_use(path: &Path, really: bool) -> Result<Removal, StoreError> {
        let file = match open_layer(path) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Removal::Gone),
            Err(StoreError::Obstacle { .. }) if !really => return Ok(Removal::Removed),
            Err(obstacle @ StoreError::Obstacle { .. }) => {
                return clear_obstacle(path, obstacle).map(|()| Removal::Removed);
            }
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Removal::InUse),
            Err(TryLockError::Error(error)) => return Err(lock_error(path)(error)),
        }
        if file.metadata().map_err(io_error("read", path))?.nlink() == 0 {
            // Another collection was first; what has the name now has just come in.
            return Ok(Removal::Gone);
        }
        if really {
            gone(fs::remove_file(path)).map_err(io_error("remove", path))?;
        }
        Ok(Removal::Removed)
    }
}
