//! Checking files that deployments share, and the layers that are put together from them.

use std::collections::HashMap;
use std::io;

use rayon::prelude::*;

use super::check::VerifyReport;
use super::error::io_error;
use super::object_id::ObjectId;
use super::objects::{Checked, Objects};
use super::recipe::object_list;
use super::trouble::Trouble;
use super::{Store, StoreError};

impl Store {
    /// Hashes every object, several at a time, and drops those that are damaged.
    pub(super) fn verify_objects(&self, report: &mut VerifyReport) -> Result<(), StoreError> {
        if !self.objects_folder().exists() {
            return Ok(());
        }
        let objects = self.objects()?;
        let mut ids = Vec::new();
        let listed = objects.each(|id, _| {
            ids.push(id);
            Ok(())
        });
        listed.map_err(io_error("look through", objects.path()))?;
        ids.sort_unstable();
        let lengths = self.lengths_of_objects()?;
        let check = |id: ObjectId| (id, objects.check(id, lengths.get(&id).copied()));
        let checked: Vec<_> = ids.into_par_iter().map(check).collect();
        for (id, checked) in checked {
            match checked {
                Ok(Checked::Sound { bytes, identity }) => {
                    report.objects += 1;
                    report.object_bytes += bytes;
                    report.sound.insert(identity, id.content);
                }
                Ok(Checked::Damaged) => {
                    report.objects += 1;
                    report.damaged_objects.push(id.content);
                }
                Ok(Checked::Gone) => {}
                Err(error) => report.troubles.push(trouble(&objects, id, error)),
            }
        }
        Ok(())
    }

    /// The lengths of the objects that recipes name, as far as these can be read.
    fn lengths_of_objects(&self) -> Result<HashMap<ObjectId, u64>, StoreError> {
        let recipes = self.list_recipes()?.into_iter();
        let named = recipes.filter_map(|diff_id| object_list(&self.recipe_path(&diff_id)).ok());
        Ok(named.flatten().collect())
    }

    /// Puts every layer together that is kept as a recipe, and drops the recipes of those that don't come out.
    pub(super) fn verify_recipes(&self, report: &mut VerifyReport) -> Result<(), StoreError> {
        for diff_id in self.list_recipes()? {
            let checked = match self.recipe(diff_id) {
                Ok(None) => continue,
                Ok(Some(layer)) => layer.verify().map(|()| layer.size()),
                Err(error) => Err(error),
            };
            match checked {
                Ok(bytes) => {
                    report.layers += 1;
                    report.bytes += bytes;
                }
                Err(StoreError::Damaged { .. }) => {
                    report.layers += 1;
                    report.damaged.push(diff_id);
                }
                Err(error) => {
                    report.troubles.push(Trouble::at(&self.recipe_path(&diff_id), error));
                }
            }
        }
        Ok(())
    }
}

fn trouble(objects: &Objects, id: ObjectId, error: io::Error) -> Trouble {
    Trouble::at(&objects.path_of(id), error)
}
