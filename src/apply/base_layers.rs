//! The base's layers, as deltas take bytes from them.

use super::ApplyError;
use crate::artifact::{ArtifactError, OldBytes, OldTree};
use crate::delta::BaseBytes;
use crate::image::DiffId;
use crate::pack::shared_layers;
use crate::rootfs::SparseFiles;
use crate::store::{KeptBase, KeptLayer};

/// The layers of a base.
pub(crate) struct BaseLayers<'a> {
    layers: &'a [KeptLayer],
    stream: KeptBase<'a>,
    tree: Option<OldTree<'a>>,
    /// How many layers base and target have at the same place, on top of the same ones.
    shared: usize,
}

/// Lays out the sparse files of `layers`, those that are tars.
pub(super) fn sparse_files(layers: &[KeptLayer]) -> Result<SparseFiles, ApplyError> {
    Ok(SparseFiles::of_layers(&tars(layers)).map_err(ArtifactError::from)?)
}

impl<'a> BaseLayers<'a> {
    /// The base of `layers`, bottom first, for a target of the layers `target`; as a tree too if `needs_tree`, with the sparse
    /// files `sparse`.
    pub(super) fn new(
        layers: &'a [KeptLayer],
        target: &[DiffId],
        needs_tree: bool,
        sparse: &'a SparseFiles,
    ) -> Result<Self, ApplyError> {
        let tree = match needs_tree {
            true => Some(OldTree::new(&tars(layers), sparse).map_err(ArtifactError::from)?),
            false => None,
        };
        let diff_ids: Vec<DiffId> = layers.iter().map(KeptLayer::diff_id).collect();
        let shared = shared_layers(&diff_ids, target);
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
