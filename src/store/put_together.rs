//! Layers for whoever needs all of their bytes in memory: mapped, or put together first.

use std::io;

use super::error::io_error;
use super::kept_layer::KeptLayer;
use super::{Layer, Store, StoreError};
use crate::image::DiffId;
use crate::space::check_space;

impl Store {
    /// Returns the layer `diff_id`, if the store has it. The layer's bytes were checked when they came in. A layer that
    /// is kept as a recipe is put together, into a file that goes with what is returned.
    ///
    /// # Errors
    /// If the layer's file cannot be opened, locked or mapped, or a recipe's layer has no room.
    pub fn layer(&self, diff_id: DiffId) -> Result<Option<Layer>, StoreError> {
        match self.kept_layer(diff_id)? {
            Some(KeptLayer::Tar(layer)) => Ok(Some(layer)),
            Some(kept) => self.put_together(&kept),
            None => Ok(None),
        }
    }

    /// The layer's tar in a file without a name; `None` if it was damaged, and has been dropped.
    fn put_together(&self, kept: &KeptLayer) -> Result<Option<Layer>, StoreError> {
        let folder = self.scratch_parent();
        check_space(&folder, kept.size()).map_err(io_error("write into", &folder))?;
        let mut file = tempfile::tempfile_in(&folder).map_err(io_error("write into", &folder))?;
        let copied = io::copy(&mut kept.read(), &mut file);
        let layer = copied.and_then(|_| Layer::of_nameless(kept.diff_id(), file, &folder));
        if let Ok(Some(layer)) = layer {
            return Ok(Some(layer));
        }
        match (kept.verify(), layer) {
            (Err(StoreError::Damaged { .. }), _) => Ok(None),
            (Err(error), _) => Err(error),
            (Ok(()), Err(error)) => Err(io_error("write into", &folder)(error)),
            (Ok(()), Ok(_)) => Err(StoreError::Damaged { diff_id: kept.diff_id() }),
        }
    }
}
