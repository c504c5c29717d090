//! The base's layers, as deltas take bytes from them.

use super::{ApplyError, LayerDeltas};
use crate::artifact::{ArtifactError, OldBytes, OldTree};
use crate::delta::BaseBytes;
use crate::image::{DiffId, Image};
use crate::pack::shared_layers;
use crate::progress::Progress;
use crate::rootfs::SparseFiles;
use crate::store::{KeptBase, KeptLayer, Store};

/// The layers of a base.
pub(crate) struct BaseLayers<'a> {
    layers: &'a [KeptLayer],
    stream: KeptBase<'a>,
    tree: Option<OldTree<'a>>,
    /// How many layers base and target have at the same place, on top of the same ones.
    shared: usize,
}

impl LayerDeltas {
    /// Returns the layers of `base` as the store has them, as tars if the dialect wants those; what the store lacks is
    /// fetched.
    pub(crate) fn ensure_base(
        &self,
        base: &Image,
        store: &Store,
        progress: &dyn Progress,
    ) -> Result<Vec<KeptLayer>, ApplyError> {
        if !self.needs_tree() {
            return Ok(store.ensure_kept_layers(base, progress)?);
        }
        let layers = store.ensure_layers(&[base], progress)?.remove(0);
        Ok(layers.into_iter().map(KeptLayer::Tar).collect())
    }

    /// Lays out the sparse files of `layers`, if the dialect takes bytes from files.
    pub(crate) fn sparse_files(&self, layers: &[KeptLayer]) -> Result<SparseFiles, ApplyError> {
        let sparse = match self.needs_tree() {
            true => SparseFiles::of_layers(&tars(layers)),
            false => return Ok(SparseFiles::default()),
        };
        Ok(sparse.map_err(ArtifactError::from)?)
    }
}

impl<'a> BaseLayers<'a> {
    /// The base of `layers`, bottom first, for `deltas`. `sparse` are what `deltas` says are its sparse files.
    pub(crate) fn new(
        layers: &'a [KeptLayer],
        sparse: &'a SparseFiles,
        deltas: &LayerDeltas,
    ) -> Result<Self, ApplyError> {
        let tree = match deltas.needs_tree() {
            true => Some(OldTree::new(&tars(layers), sparse).map_err(ArtifactError::from)?),
            false => None,
        };
        let diff_ids: Vec<DiffId> = layers.iter().map(KeptLayer::diff_id).collect();
        let shared = shared_layers(&diff_ids, deltas.target().diff_ids());
        Ok(BaseLayers { layers, stream: KeptBase::new(layers), tree, shared })
    }

    /// The layers as one stream.
    pub(super) fn stream(&self) -> &dyn BaseBytes {
        &self.stream
    }

    /// The layers as artifacts take from them.
    pub(super) fn bytes(&self) -> OldBytes<'_> {
        OldBytes { stream: &self.stream, tree: self.tree.as_ref() }
    }

    /// The layer at the place `index`, if it is the target's too.
    pub(super) fn shared(&self, index: usize) -> Option<&dyn BaseBytes> {
        let layer = self.layers.get(index).filter(|_| index < self.shared);
        layer.map(|layer| layer as &dyn BaseBytes)
    }

    /// The layer `diff_id`, wherever it is.
    pub(super) fn layer(&self, diff_id: DiffId) -> Option<&dyn BaseBytes> {
        let layer = self.layers.iter().find(|layer| layer.diff_id() == diff_id);
        layer.map(|layer| layer as &dyn BaseBytes)
    }
}

/// The layers that are tars.
fn tars(layers: &[KeptLayer]) -> Vec<&[u8]> {
    let mut tars = Vec::with_capacity(layers.len());
    for layer in layers {
        if let KeptLayer::Tar(layer) = layer {
            tars.push(&layer[..]);
        }
    }
    tars
}
