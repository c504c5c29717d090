//! Collecting objects that nothing needs any more.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt as _;

use super::error::io_error;
use super::object_id::ObjectId;
use super::recipe::object_list;
use super::trouble::Trouble;
use super::{Store, StoreError};
use crate::image::DiffId;

/// Objects that went, or are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ObjectCount {
    pub(super) objects: u64,
    pub(super) bytes: u64,
}

impl ObjectCount {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// Which objects recipes name, and how many do.
#[derive(Debug, Default)]
pub(super) struct NamedObjects {
    recipes: HashMap<DiffId, Vec<(ObjectId, u64)>>,
    counts: HashMap<ObjectId, u64>,
    /// A recipe could not be read: any object may be needed.
    all: bool,
}

impl NamedObjects {
    /// Bytes of all objects.
    pub(super) fn bytes(&self) -> u64 {
        let all = self.recipes.values().flatten().collect::<HashSet<_>>();
        all.into_iter().map(|(_, len)| *len).fold(0, u64::saturating_add)
    }

    /// Takes a recipe out. Returns the bytes of the objects that no other one names.
    pub(super) fn remove(&mut self, diff_id: DiffId) -> u64 {
        let mut freed = 0;
        for (id, len) in self.recipes.remove(&diff_id).unwrap_or_default() {
            let Some(count) = self.counts.get_mut(&id) else { continue };
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&id);
                freed = len.saturating_add(freed);
            }
        }
        freed
    }
}

impl Store {
    /// The objects that recipes name. Recipes that cannot be read are told in `troubles`.
    pub(super) fn named_objects(
        &self,
        troubles: &mut Vec<Trouble>,
    ) -> Result<NamedObjects, StoreError> {
        let mut named = NamedObjects::default();
        for diff_id in self.list_recipes()? {
            let path = self.recipe_path(&diff_id);
            match object_list(&path) {
                Ok(objects) => {
                    let unique: HashSet<_> = objects.into_iter().collect();
                    for (id, _) in &unique {
                        *named.counts.entry(*id).or_default() += 1;
                    }
                    named.recipes.insert(diff_id, unique.into_iter().collect());
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    named.all = true;
                    troubles.push(Trouble::at(&path, error));
                }
            }
        }
        Ok(named)
    }

    /// Removes the objects that no recipe names and no deployment has; if not `really`, counts them only.
    pub(super) fn sweep_objects(
        &self,
        named: &NamedObjects,
        really: bool,
        troubles: &mut Vec<Trouble>,
    ) -> Result<ObjectCount, StoreError> {
        let mut removed = ObjectCount::default();
        if named.all || !self.objects_folder().exists() {
            return Ok(removed);
        }
        let objects = self.objects()?;
        let swept = objects.each(|id, file| {
            let metadata = file.metadata()?;
            // With a second name the file is a deployment's, and costs nothing here.
            if named.counts.contains_key(&id) || metadata.nlink() > 1 {
                return Ok(());
            }
            match if really { objects.remove(id) } else { Ok(()) } {
                Ok(()) => removed.add(metadata.len()),
                Err(error) => troubles.push(Trouble::at(&objects.path_of(id), error)),
            }
            Ok(())
        });
        swept.map_err(io_error("look through", objects.path()))?;
        Ok(removed)
    }

    /// Counts the objects.
    pub(super) fn count_objects(&self) -> Result<ObjectCount, StoreError> {
        let mut count = ObjectCount::default();
        if self.objects_folder().exists() {
            let objects = self.objects()?;
            let counted = objects.each(|_, file| {
                count.add(file.metadata()?.len());
                Ok(())
            });
            counted.map_err(io_error("look through", objects.path()))?;
        }
        Ok(count)
    }
}
