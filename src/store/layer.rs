//! A stored layer in use.

use std::fs::{self, File};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::check::hash_file;
use super::error::{io_error, lock_error};
use super::files::{Identity, identity_at, open_layer};
use super::mapping::Mapping;
use super::{Store, StoreError};
use crate::image::{DiffId, Digest};
use crate::progress::{Cancelled, Progress, check};

/// The largest layer that is sure to stay in memory once it was read.
const POPULATED_BYTES: usize = 1 << 30;

/// Bytes hashed before it is asked again whether to stop.
const HASHED_BYTES: usize = 16 << 20;

/// The uncompressed tar of a layer, mapped into memory: its bytes as a slice. While it or a clone of it
/// lives, a shared lock keeps other processes from collecting the layer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Layer(Arc<Stored>);

#[derive(Debug)]
struct Stored {
    diff_id: DiffId,
    path: PathBuf,
    identity: Identity,
    map: Mapping,
    /// Holds the lock. The map refers to the same open file, so that Linux keeps the lock for as long
    /// as the map lives even where this is closed, except on file systems that pass maps on to others
    /// (overlayfs).
    _open: Option<KeptOpen>,
}

impl Layer {
    /// The layer in a file that has no name, and whose last handle is `file`; `None` if it is not what `diff_id` says.
    pub(super) fn of_nameless(
        diff_id: DiffId,
        file: File,
        folder: &Path,
    ) -> io::Result<Option<Self>> {
        let identity = Identity::of(&file)?;
        let map = Mapping::of_nameless(file, folder)?;
        let path = folder.to_owned();
        let is_it = DiffId(Digest::of(&map)) == diff_id;
        Ok(is_it.then(|| Layer(Arc::new(Stored { diff_id, path, identity, map, _open: None }))))
    }

    /// The digest under which the bytes are stored.
    pub fn diff_id(&self) -> DiffId {
        self.0.diff_id
    }

    /// Whether the bytes hash to the diff ID, as they did when they came in: disks and people change
    /// files. A layer that is damaged is dropped from the store. Fails if `progress` says that the
    /// work is to stop.
    pub(crate) fn is_intact(&self, progress: &dyn Progress) -> Result<bool, Cancelled> {
        let mut hasher = Sha256::new();
        for piece in self.chunks(HASHED_BYTES) {
            check(progress)?;
            hasher.update(piece);
        }
        let intact = DiffId(Digest::from_hasher(hasher)) == self.diff_id();
        if !intact {
            self.drop_from_store();
        }
        Ok(intact)
    }

    /// Starts reading the layer into the page cache ahead of its use.
    pub fn read_ahead(&self) {
        self.0.map.read_ahead();
    }

    /// Reads the whole layer, if it is not larger than what is sure to stay in memory, so that a disk
    /// that has lost a page is an error here and not a signal later.
    pub(super) fn populate(&self) -> io::Result<()> {
        if self.len() > POPULATED_BYTES { Ok(()) } else { self.0.map.populate() }
    }

    /// Compares the bytes on disk with the diff ID, as reading the file gives them: a bad disk is an
    /// error and not a signal. A layer that is damaged is dropped from the store, so that it is
    /// fetched again when next needed.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or that the file cannot be read.
    pub fn verify(&self) -> Result<(), StoreError> {
        let Stored { path, .. } = &*self.0;
        let digest = match open_layer(path)? {
            Some(file) if self.is(Identity::of(&file).map_err(io_error("read", path))?) => {
                hash_file(&file).map_err(io_error("read", path))?.1
            }
            // The file that is mapped has lost its name; its bytes are there all the same.
            _ => Digest::of(self),
        };
        self.compare(digest)
    }

    /// The same, of a layer that is used anyway: through the map, without a copy of every byte. A layer that
    /// is too large to stay in memory is read.
    pub(crate) fn verify_loaded(&self) -> Result<(), StoreError> {
        if self.len() > POPULATED_BYTES { self.verify() } else { self.compare(Digest::of(self)) }
    }

    fn compare(&self, digest: Digest) -> Result<(), StoreError> {
        self.expect(DiffId(digest))
    }

    /// Compares the diff ID with that of the bytes, as somebody found it who read them all. A layer that is damaged is
    /// dropped from the store.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if they differ.
    pub(crate) fn expect(&self, found: DiffId) -> Result<(), StoreError> {
        let diff_id = self.diff_id();
        if found == diff_id {
            return Ok(());
        }
        self.drop_from_store();
        Err(StoreError::Damaged { diff_id })
    }

    /// Takes the layer out of the store, unless another file has come in its place.
    pub(super) fn drop_from_store(&self) {
        let Stored { diff_id, path, .. } = &*self.0;
        if identity_at(path).is_some_and(|identity| self.is(identity)) {
            match fs::remove_file(path) {
                Ok(()) => tracing::warn!(%diff_id, "dropped a damaged layer from the store"),
                Err(error) => tracing::warn!(%diff_id, "cannot drop a damaged layer: {error}"),
            }
        }
    }

    fn is(&self, identity: Identity) -> bool {
        self.0.identity == identity
    }
}

impl Deref for Layer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0.map
    }
}

/// Compares layers with their diff IDs, several at a time; a layer that is there twice is read once.
/// For whoever finds that something does not fit: if a layer is damaged, nothing else is to blame.
///
/// # Errors
/// If a layer is damaged or cannot be read: the error of the first such layer.
pub fn verify_layers<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> Result<(), StoreError> {
    let mut layers: Vec<&Layer> = layers.into_iter().collect();
    layers.sort_by_key(|layer| layer.diff_id());
    layers.dedup_by_key(|layer| layer.diff_id());
    let results: Vec<Result<(), StoreError>> = layers.into_par_iter().map(Layer::verify).collect();
    results.into_iter().collect()
}

impl Store {
    /// Returns the layer's tar, if the store has that.
    pub(super) fn tar(&self, diff_id: DiffId) -> Result<Option<Layer>, StoreError> {
        let path = self.layer_path(&diff_id);
        let Some(InUse { identity, map, _open }) =
            InUse::find(&path, || self.open_or_clear(&path))?
        else {
            return Ok(None);
        };
        Ok(Some(Layer(Arc::new(Stored { diff_id, path, identity, map, _open }))))
    }

    /// Opens a layer's file. What stands there and is no file is not taken for a layer: it gives way
    /// when the layer comes in, and an empty folder goes now.
    fn open_or_clear(&self, path: &Path) -> Result<Option<File>, StoreError> {
        match open_layer(path) {
            Err(StoreError::Obstacle { .. }) if !path.is_symlink() && path.is_dir() => {
                match fs::remove_dir(path) {
                    Ok(()) => Ok(None),
                    Err(_) => open_layer(path),
                }
            }
            Err(StoreError::Obstacle { .. }) => Ok(None),
            opened => opened,
        }
    }
}

/// A file of the store that collection leaves alone while this lives.
#[derive(Debug)]
pub(super) struct InUse {
    pub(super) identity: Identity,
    pub(super) map: Mapping,
    _open: Option<KeptOpen>,
}

impl InUse {
    /// Takes the file `path`, which `open` opens, if there is one.
    pub(super) fn find(
        path: &Path,
        open: impl Fn() -> Result<Option<File>, StoreError>,
    ) -> Result<Option<Self>, StoreError> {
        loop {
            let Some(file) = open()? else { return Ok(None) };
            file.lock_shared().map_err(lock_error(path))?;
            let metadata = file.metadata().map_err(io_error("read", path))?;
            if metadata.nlink() == 0 {
                // Collected between open and lock.
                continue;
            }
            if metadata.nlink() == 1 {
                // Tells collection that the layer is of use. A store of another user's, or a read-only
                // one, serves its layers all the same. A file with another name is not the store's alone.
                let _ = file.set_modified(SystemTime::now());
            }
            let map = Mapping::of(&file, path).map_err(io_error("map", path))?;
            let identity = Identity::from(&metadata);
            let _open = KeptOpen::within_budget(file);
            return Ok(Some(InUse { identity, map, _open }));
        }
    }

    /// Opens the file once more, to be read as a file: a bad disk is an error then and not a signal.
    pub(super) fn read(&self, path: &Path) -> io::Result<File> {
        let file = open_layer(path).map_err(StoreError::into_io)?;
        let file = file.filter(|file| Identity::of(file).is_ok_and(|it| it == self.identity));
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// An open file that counts against what a process keeps open for layers.
#[derive(Debug)]
struct KeptOpen(#[allow(dead_code, reason = "held for its lock")] File);

static KEPT_OPEN: AtomicU64 = AtomicU64::new(0);
/// One in how many of the files that a process may have open layers may be.
const SHARE: u64 = 4;

impl KeptOpen {
    /// Keeps `file` open, unless that would take too many of the files that the process may open: an
    /// image may have more layers than those.
    fn within_budget(file: File) -> Option<Self> {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let kept = KeptOpen(file);
        let others = KEPT_OPEN.fetch_add(1, Ordering::Relaxed);
        Some(kept).filter(|_| limit.is_none_or(|limit| others < limit / SHARE))
    }
}

impl Drop for KeptOpen {
    fn drop(&mut self) {
        KEPT_OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}
