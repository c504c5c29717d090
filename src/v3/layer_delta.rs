//! One delta for each layer: rebuilding those that are wanted, each by itself.

use std::io::{Read, Write};

use super::V3Error;
use super::labels::DeltaLabels;
use super::rebuild::rebuild;
use crate::delta::{BaseBytes, CommandStats};
use crate::image::{DiffId, Digest, Image, ImageConfig, ImageId};

/// A delta image whose layers are applied one by one.
#[derive(Debug)]
pub struct LayerDeltas {
    delta: Image,
    labels: DeltaLabels,
}

impl LayerDeltas {
    /// The layers of `delta`.
    ///
    /// # Errors
    /// If it is no delta.
    pub fn of(delta: Image) -> Result<Self, V3Error> {
        let labels = DeltaLabels::of(&delta)?;
        Ok(LayerDeltas { delta, labels })
    }

    /// The delta itself.
    pub(crate) fn image(&self) -> &Image {
        &self.delta
    }

    /// The digest of its manifest; of its config if it has none.
    pub(crate) fn digest(&self) -> Digest {
        self.delta.manifest().map_or(self.delta.id().0, |manifest| manifest.digest())
    }

    /// The image that it applies to.
    pub(crate) fn base(&self) -> ImageId {
        self.labels.base
    }

    /// The config of the image that it makes.
    pub(crate) fn target(&self) -> &ImageConfig {
        &self.labels.target
    }

    /// Rebuilds layer number `index` of the target from its `blob` into `out`: at most `limit` bytes. `base` are all
    /// layers of the base, `shared` is the layer itself if the base has it at the same place. Returns what was made, and how.
    ///
    /// # Errors
    /// If the blob is no delta, or does not fit the base; nothing is said of the diff ID.
    pub(crate) fn rebuild<'a>(
        &self,
        index: usize,
        blob: impl Read + Send + 'a,
        base: &dyn BaseBytes,
        shared: Option<&dyn BaseBytes>,
        out: impl Write,
        limit: u64,
    ) -> Result<(DiffId, CommandStats), V3Error> {
        let rebuilt = rebuild(blob, base, shared, out, limit).map_err(V3Error::layer(index))?;
        Ok((rebuilt.diff_id, rebuilt.stats))
    }
}
