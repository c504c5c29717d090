//! A stored layer in use.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt as _;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::error::io_error;
use super::folder::open_if_there;
use super::mapping::Mapping;
use super::{Store, StoreError};
use crate::image::{DiffId, Digest};
use crate::progress::{Cancelled, Progress, check};

/// Bytes hashed before it is asked again whether to stop.
const HASHED_BYTES: usize = 16 << 20;

/// The uncompressed tar of a layer, mapped into memory: its bytes as a slice. While it lives it
/// holds a shared lock, so that no process collects the layer.
#[derive(Debug)]
pub struct Layer {
    diff_id: DiffId,
    map: Mapping,
    _lock: File,
}

impl Layer {
    /// The digest under which the bytes are stored.
    pub fn diff_id(&self) -> DiffId {
        self.diff_id
    }

    /// Whether the bytes hash to the diff ID, as they did when they came in: disks and people change
    /// files. Fails if `progress` says that the work is to stop.
    pub(crate) fn is_intact(&self, progress: &dyn Progress) -> Result<bool, Cancelled> {
        let mut hasher = Sha256::new();
        for piece in self.chunks(HASHED_BYTES) {
            check(progress)?;
            hasher.update(piece);
        }
        Ok(DiffId(Digest::from_hasher(hasher)) == self.diff_id)
    }

    /// Starts reading the layer into the page cache ahead of its use.
    pub fn read_ahead(&self) {
        self.map.read_ahead();
    }
}

impl Deref for Layer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

impl Store {
    /// The layer `diff_id`, if the store has it. Its bytes were checked when they came in.
    pub fn layer(&self, diff_id: DiffId) -> Result<Option<Layer>, StoreError> {
        let path = self.layer_path(&diff_id);
        loop {
            let Some(file) = open_if_there(&path)? else { return Ok(None) };
            file.lock_shared().map_err(io_error("lock", &path))?;
            if is_unlinked(&file).map_err(io_error("read", &path))? {
                // Collected between open and lock.
                continue;
            }
            // Tells collection that the layer is of use. A store of another user's, or a read-only
            // one, serves its layers all the same.
            let _ = file.set_modified(SystemTime::now());
            let map = Mapping::of(&file).map_err(io_error("map", &path))?;
            return Ok(Some(Layer { diff_id, map, _lock: file }));
        }
    }
}

/// Whether the open file has lost its name.
fn is_unlinked(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.nlink() == 0)
}
