//! What the store holds, and how it is kept small.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::error::io_error;
use super::files::file_names;
use super::names::Hold;
use super::removal::Removal;
use super::trouble::Trouble;
use super::workspace::{self, Leftovers};
use super::{Store, StoreError};
use crate::image::DiffId;

/// The limits on what to keep; without any, everything stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GcLimits {
    /// Delete the layers used longest ago until at most so many bytes are left.
    pub max_bytes: Option<u64>,
    /// Delete layers that were last used longer ago than this.
    pub older_than: Option<Duration>,
}

/// The results of [`Store::gc`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GcReport {
    /// Layers deleted.
    pub removed_layers: u64,
    /// Their size in bytes.
    pub removed_bytes: u64,
    /// Layers still there.
    pub kept_layers: u64,
    /// Their size in bytes.
    pub kept_bytes: u64,
    /// Layers among the kept ones that the limits would have deleted, but a process uses them.
    pub in_use_layers: u64,
    /// Layers among the kept ones that the limits would have deleted, but an image that is known by name needs them.
    pub named_layers: u64,
    /// Files deleted that no layer and no deployment has any more.
    pub removed_objects: u64,
    /// Their size in bytes.
    pub removed_object_bytes: u64,
    /// Deployments that are not there because their file system is not mounted, or that cannot be looked at: what they
    /// need stays.
    pub out_of_reach: Vec<PathBuf>,
    /// Bytes freed that killed processes had left half-done.
    pub leftover_bytes: u64,
    /// The files and folders that could not be opened or removed, and why.
    pub troubles: Vec<Trouble>,
}

/// The counts of what the store holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreInfo {
    /// The folder.
    pub path: PathBuf,
    /// How many layers are stored.
    pub layers: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Layers on their way in at the moment, or left half-done by killed processes.
    pub incoming_layers: u64,
    /// Their size so far in bytes.
    pub incoming_bytes: u64,
    /// Bytes of blobs that interrupted pulls left, for the next to go on with.
    pub partial_bytes: u64,
    /// Files that layers are put together from and deployments have in common.
    pub objects: u64,
    /// Their size in bytes.
    pub object_bytes: u64,
    /// Images that are known by name.
    pub images: u64,
}

/// How large a stored layer is and when it was last used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerUse {
    /// The layer's length in bytes.
    pub bytes: u64,
    /// When somebody last worked with it.
    pub last_used: SystemTime,
}

/// How long the first part of a blob waits for somebody to go on with it.
const PARTIAL_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The age from which on parts of blobs go.
fn partial_age(limits: GcLimits) -> Duration {
    limits.older_than.map_or(PARTIAL_AGE, |age| age.min(PARTIAL_AGE))
}

/// A stored layer as collection sees it.
struct StoredLayer {
    diff_id: DiffId,
    path: PathBuf,
    /// Whether it is a recipe: its files are counted apart.
    is_recipe: bool,
    bytes: u64,
    last_used: SystemTime,
}

impl Store {
    /// Counts what the store holds.
    ///
    /// # Errors
    /// If the store cannot be listed, or the state of a layer's file cannot be read.
    pub fn info(&self) -> Result<StoreInfo, StoreError> {
        let entries = self.entries()?;
        let incoming = file_names(&self.incoming()).map_err(io_error("list", &self.incoming()))?;
        let objects = self.count_objects()?;
        Ok(StoreInfo {
            path: self.path().to_owned(),
            layers: entries.len() as u64,
            bytes: entries.iter().map(|entry| entry.bytes).fold(0, u64::saturating_add),
            incoming_layers: incoming.len() as u64,
            incoming_bytes: incoming
                .iter()
                .map(|name| workspace::size_of_files(&self.incoming().join(name)))
                .fold(0, u64::saturating_add),
            partial_bytes: self.partials_bytes(Duration::ZERO),
            objects: objects.objects,
            object_bytes: objects.bytes,
            images: self.kept_images()?.0.len() as u64,
        })
    }

    /// How large each stored layer is and when it was last used, in no order.
    ///
    /// # Errors
    /// If the store cannot be listed, or the state of a layer's file cannot be read.
    pub fn layer_uses(&self) -> Result<Vec<LayerUse>, StoreError> {
        let layer_use =
            |entry: StoredLayer| LayerUse { bytes: entry.bytes, last_used: entry.last_used };
        Ok(self.entries()?.into_iter().map(layer_use).collect())
    }

    /// Deletes what `limits` says, but never a layer that a process uses or a named image needs, and what killed
    /// processes left half-done.
    ///
    /// # Errors
    /// If the store cannot be listed, or the state of a layer's file cannot be read. A layer that cannot be
    /// removed is told in the report instead.
    pub fn gc(&self, limits: GcLimits) -> Result<GcReport, StoreError> {
        let mut leftovers = self.remove_leftovers();
        self.remove_partials(partial_age(limits), &mut leftovers);
        let _lock = self.lock_names(Hold::Alone)?;
        self.collect(limits, leftovers, true)
    }

    /// Returns what [`gc`](Self::gc) would delete at this moment; nothing is deleted. Half-done layers of
    /// killed processes go whenever the store is opened, so that there are none to count.
    ///
    /// # Errors
    /// The same as those of [`gc`](Self::gc).
    pub fn gc_preview(&self, limits: GcLimits) -> Result<GcReport, StoreError> {
        let bytes = self.partials_bytes(partial_age(limits));
        self.collect(limits, Leftovers { bytes, ..Leftovers::default() }, false)
    }

    fn collect(
        &self,
        limits: GcLimits,
        leftovers: Leftovers,
        really: bool,
    ) -> Result<GcReport, StoreError> {
        let Leftovers { bytes: leftover_bytes, troubles } = leftovers;
        let mut report = GcReport { leftover_bytes, troubles, ..GcReport::default() };
        report.out_of_reach = self.forget_gone_deployments(really, &mut report.troubles)?;
        let needed = self.needed_layers(&mut report.troubles)?;
        let mut named = self.named_objects(&mut report.troubles)?;
        let mut entries = self.entries()?;
        entries.sort_by_key(|entry| (entry.last_used, entry.diff_id));
        let now = SystemTime::now();
        let mut left: u64 = entries.iter().map(|entry| entry.bytes).fold(0, u64::saturating_add);
        left = left.saturating_add(named.bytes());
        for entry in &entries {
            let too_old = limits.older_than.is_some_and(|age| entry.is_older_than(age, now));
            let too_much = limits.max_bytes.is_some_and(|max| left > max);
            let removal = match too_old || too_much {
                true if needed.needs(&entry.diff_id) => Ok(Removal::Named),
                true => Store::remove_unless_in_use(&entry.path, really),
                false => Ok(Removal::Kept),
            };
            let gone = matches!(removal, Ok(Removal::Removed | Removal::Gone));
            if gone {
                let freed = if entry.is_recipe { named.remove(entry.diff_id) } else { 0 };
                left = left.saturating_sub(entry.bytes.saturating_add(freed));
            }
            report.add(entry.bytes, removal, &entry.path);
        }
        let swept = self.sweep_objects(&named, really, &mut report.troubles)?;
        report.removed_objects = swept.objects;
        report.removed_object_bytes = swept.bytes;
        Ok(report)
    }

    fn entries(&self) -> Result<Vec<StoredLayer>, StoreError> {
        let mut entries = Vec::new();
        let tars = self.list()?.into_iter().map(|diff_id| (diff_id, false));
        let recipes = self.list_recipes()?.into_iter().map(|diff_id| (diff_id, true));
        for (diff_id, is_recipe) in tars.chain(recipes) {
            let path = match is_recipe {
                true => self.recipe_path(&diff_id),
                false => self.layer_path(&diff_id),
            };
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error("read", &path)(error)),
            };
            let last_used = metadata.modified().map_err(io_error("read", &path))?;
            let bytes = metadata.len();
            entries.push(StoredLayer { diff_id, path, is_recipe, bytes, last_used });
        }
        Ok(entries)
    }
}

impl GcReport {
    fn add(&mut self, bytes: u64, removal: Result<Removal, StoreError>, path: &Path) {
        match removal {
            Ok(Removal::Removed) => {
                self.removed_layers += 1;
                self.removed_bytes += bytes;
                return;
            }
            Ok(Removal::Gone) => return,
            Ok(Removal::InUse) => self.in_use_layers += 1,
            Ok(Removal::Named) => self.named_layers += 1,
            Ok(Removal::Kept) => {}
            Err(error) => self.troubles.push(Trouble::at(path, error)),
        }
        self.kept_layers += 1;
        self.kept_bytes += bytes;
    }
}

impl StoredLayer {
    fn is_older_than(&self, age: Duration, now: SystemTime) -> bool {
        // A clock set back makes layers used "in the future": they are young.
        now.duration_since(self.last_used).is_ok_and(|unused| unused > age)
    }
}
