//! The folder itself: where things are in it, how it is opened.

#[cfg(feature = "server")]
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::io_error;
use super::files::file_names;
#[cfg(feature = "server")]
use super::files::open_layer;
use super::layer_cache::LayerCache;
use super::workspace::{self, Leftovers};
use super::{StoreError, Workspace};
use crate::beneath::{Exchangeable, exchangeable_above};
use crate::image::{DiffId, UnpackLimits};
use crate::temporary::create_folders;
use crate::user_namespace::is_machine_root;

/// A store of uncompressed layers in a folder. Cheap to clone; any number of threads and processes
/// may use one folder at once.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    limits: UnpackLimits,
    reads_first: bool,
    cache: Option<Arc<dyn LayerCache>>,
}

impl Store {
    /// Opens the store in the folder `path`, which is created (mode 0700) if it does not exist, and
    /// removes what killed processes left half-done in it, as far as that can be removed.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] if the folder holds other things, [`StoreError::UnknownFormat`] if a newer
    /// version made the store or its format cannot be told; also if the folder cannot be read or created.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let store = Store::at(&path.into());
        store.refuse_foreign()?;
        for folder in [store.layers(), store.incoming(), store.scratch_parent()] {
            create_folders(&folder, 0o700).map_err(io_error("create", &folder))?;
        }
        store.mark_format();
        for trouble in store.remove_leftovers().troubles {
            tracing::warn!("{trouble}");
        }
        Ok(store)
    }

    /// The store in the folder `path`, by its full path: messages name it wherever somebody reads them.
    fn at(path: &Path) -> Self {
        let root = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Store { root, limits: UnpackLimits::default(), reads_first: false, cache: None }
    }

    /// Refuses a store in the folder `path`, as [`refuse_foreign_files`](Self::refuse_foreign_files) does, before anything
    /// is made there.
    ///
    /// # Errors
    /// The same.
    pub fn refuse_foreign_files_in(path: &Path) -> Result<(), StoreError> {
        Store::at(path).refuse_foreign_files()
    }

    /// Refuses a store that a user other than root could fill with files of its own while root takes files out. Ordinary
    /// users choose for themselves.
    ///
    /// # Errors
    /// [`StoreError::Foreign`]; also if a folder on the way cannot be looked at.
    pub fn refuse_foreign_files(&self) -> Result<(), StoreError> {
        if !is_machine_root() {
            return Ok(());
        }
        for folder in [self.layers(), self.recipes(), self.objects_folder()] {
            let found = exchangeable_above(&folder).map_err(io_error("use", &folder))?;
            if let Some(Exchangeable { path, owner }) = found {
                return Err(StoreError::Foreign { path, owner });
            }
        }
        Ok(())
    }

    /// Returns the folder used if nobody names one: `remora` under the user's cache directory
    /// (`XDG_CACHE_HOME`, otherwise `~/.cache`).
    ///
    /// # Errors
    /// [`StoreError::NoDefaultPath`] if neither variable holds an absolute path.
    pub fn default_path() -> Result<PathBuf, StoreError> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
        Ok(cache.ok_or(StoreError::NoDefaultPath)?.join("remora"))
    }

    /// Takes what is within `limits` instead of the usual ones.
    pub fn with_limits(self, limits: UnpackLimits) -> Self {
        Store { limits, ..self }
    }

    /// Sees that all pages of a layer are in memory before the layer is used: a page that the disk has lost
    /// is an error then, and the layer fetched again, instead of the end of the process. For servers: a
    /// few milliseconds for 100 MB.
    pub fn reading_first(self) -> Self {
        Store { reads_first: true, ..self }
    }

    /// Looks for layers there before they are fetched from where their images live, and offers those that were.
    #[cfg(feature = "server")]
    pub(crate) fn with_cache(self, cache: Arc<dyn LayerCache>) -> Self {
        Store { cache: Some(cache), ..self }
    }

    pub(super) fn cache(&self) -> Option<&dyn LayerCache> {
        self.cache.as_deref()
    }

    /// The tar of a layer that is there as one, to be read; `None` if there is none.
    ///
    /// # Errors
    /// If the file cannot be opened.
    #[cfg(feature = "server")]
    pub(crate) fn open_tar(&self, diff_id: &DiffId) -> Result<Option<File>, StoreError> {
        open_layer(&self.layer_path(diff_id))
    }

    pub(super) fn reads_first(&self) -> bool {
        self.reads_first
    }

    /// Returns the limits on what images may unpack to here.
    pub fn limits(&self) -> UnpackLimits {
        self.limits
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// A folder for temporary files on the store's file system.
    ///
    /// # Errors
    /// If the folder cannot be created or locked.
    pub fn scratch(&self) -> Result<Workspace, StoreError> {
        Workspace::unique(&self.scratch_parent())
    }

    /// Removes what killed processes left half-done, as far as that can be removed.
    pub(super) fn remove_leftovers(&self) -> Leftovers {
        let mut leftovers = Leftovers::default();
        workspace::remove_leftovers(&self.incoming(), is_layer_name, &mut leftovers);
        workspace::remove_leftovers(
            &self.scratch_parent(),
            workspace::is_unique_name,
            &mut leftovers,
        );
        leftovers
    }

    pub(super) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(super) fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    pub(super) fn names_folder(&self) -> PathBuf {
        self.root.join("names")
    }

    pub(super) fn partials(&self) -> PathBuf {
        self.root.join("partial")
    }

    pub(super) fn scratch_parent(&self) -> PathBuf {
        self.root.join("scratch")
    }

    pub(super) fn layer_path(&self, diff_id: &DiffId) -> PathBuf {
        self.layers().join(diff_id.0.hex())
    }

    pub(super) fn recipes(&self) -> PathBuf {
        self.root.join("recipes")
    }

    pub(super) fn recipe_path(&self, diff_id: &DiffId) -> PathBuf {
        self.recipes().join(diff_id.0.hex())
    }

    pub(super) fn incoming_path(&self, diff_id: &DiffId) -> PathBuf {
        self.incoming().join(diff_id.0.hex())
    }

    /// The layers that are there as tars, in the order of their diff IDs.
    pub(super) fn list(&self) -> Result<Vec<DiffId>, StoreError> {
        layers_in(&self.layers())
    }

    /// The layers that are there as recipes, in the order of their diff IDs.
    pub(super) fn list_recipes(&self) -> Result<Vec<DiffId>, StoreError> {
        let folder = self.recipes();
        if folder.exists() { layers_in(&folder) } else { Ok(Vec::new()) }
    }

    /// Puts a small file at `path`, in one step, in place of what is there.
    pub(super) fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        // In a folder that is collected if the process is killed now.
        let scratch = self.scratch()?;
        let mut file = scratch.new_file()?;
        file.write_all(bytes).map_err(io_error("write", path))?;
        file.publish(path).map_err(io_error("write", path))
    }
}

/// The layers that files in `folder` are named by, in order. Files of other names are not ours and are passed over.
fn layers_in(folder: &Path) -> Result<Vec<DiffId>, StoreError> {
    let names = file_names(folder).map_err(io_error("list", folder))?;
    let mut layers: Vec<DiffId> = names.iter().filter_map(|name| layer_named(name)).collect();
    layers.sort_unstable();
    Ok(layers)
}

/// The layer whose file or folder has the name `name`.
fn layer_named(name: &str) -> Option<DiffId> {
    format!("sha256:{name}").parse().ok()
}

fn is_layer_name(name: &str) -> bool {
    layer_named(name).is_some()
}
