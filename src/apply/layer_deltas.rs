//! Deltas of any dialect that are applied layer by layer: one interface to all.

use std::io::{Read, Write};

use super::ApplyError;
use super::base_layers::{BaseLayers, sparse_files};
use super::blob::LayerBlob;
use crate::artifact::{ArtifactDelta, ArtifactError, LayerDeltaError};
use crate::delta::CommandStats;
use crate::dialect::Dialect;
use crate::image::{DiffId, Digest, Image, ImageConfig, ImageId, Manifest, WholeArtifact};
use crate::pack::Hashed;
use crate::progress::Progress;
use crate::rootfs::SparseFiles;
use crate::store::{KeptLayer, Store};
use crate::v3;

/// A delta, opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum LayerDeltas {
    /// A delta image.
    V3(v3::LayerDeltas),
    /// An artifact.
    Artifact(ArtifactDelta),
}

impl LayerDeltas {
    /// Finds out which dialect `delta` is of and reads what it says of itself.
    ///
    /// # Errors
    /// If it is no delta ([`ApplyError::is_no_delta`]), contradicts itself or cannot be read.
    pub fn of(delta: Image, progress: &dyn Progress) -> Result<Self, ApplyError> {
        Ok(match delta.artifact_type() {
            Some(_) => LayerDeltas::Artifact(ArtifactDelta::of(&delta, progress)?),
            None => LayerDeltas::V3(v3::LayerDeltas::of(delta)?),
        })
    }

    /// The dialect.
    pub fn dialect(&self) -> Dialect {
        match self {
            LayerDeltas::V3(_) => Dialect::V3,
            LayerDeltas::Artifact(delta) => delta.dialect(),
        }
    }

    /// The delta as an image: a layer for each of the target's, made by its blob. Its config is the delta's own or the
    /// target's, as the dialect has it.
    pub fn image(&self) -> &Image {
        match self {
            LayerDeltas::V3(delta) => delta.image(),
            LayerDeltas::Artifact(delta) => delta.image(),
        }
    }

    /// Bytes that are fetched of the delta beside manifests: a delta image's config and blobs, the blobs of an artifact that
    /// make layers.
    pub fn bytes(&self) -> u64 {
        let config = match self {
            LayerDeltas::V3(delta) => delta.image().manifest().map_or(0, |it| it.config().size),
            LayerDeltas::Artifact(_) => 0,
        };
        self.image().stored_bytes().saturating_add(config)
    }

    /// Bytes of the blobs that make layers, but for what an interrupted run has left in `store`.
    pub(super) fn bytes_to_come(&self, store: &Store) -> u64 {
        let to_come = |index| self.blob(index).bytes_to_come(store);
        (0..self.target().diff_ids().len()).map(to_come).fold(0, u64::saturating_add)
    }

    /// The blob that makes layer number `index` of the target, if it [has one](Self::has_blob).
    pub(crate) fn blob(&self, index: usize) -> LayerBlob<'_> {
        LayerBlob { image: self.image(), index, makes: self.target().diff_ids()[index] }
    }

    /// The digest of the delta's manifest; of its config if it has none.
    pub fn digest(&self) -> Digest {
        match self {
            LayerDeltas::V3(delta) => delta.digest(),
            LayerDeltas::Artifact(delta) => delta.digest(),
        }
    }

    /// The image that it applies to.
    pub fn base(&self) -> ImageId {
        match self {
            LayerDeltas::V3(delta) => delta.base(),
            LayerDeltas::Artifact(delta) => delta.base(),
        }
    }

    /// The config of the image that it makes.
    pub fn target(&self) -> &ImageConfig {
        match self {
            LayerDeltas::V3(delta) => delta.target(),
            LayerDeltas::Artifact(delta) => delta.target(),
        }
    }

    /// The manifest of the image that it makes, as a registry had it, if the delta brings that.
    pub fn target_manifest(&self) -> Option<&Manifest> {
        match self {
            LayerDeltas::V3(_) => None,
            LayerDeltas::Artifact(delta) => delta.manifest(),
        }
    }

    /// Refuses a base that deltas of the dialect are not applied to.
    pub(super) fn refuse_base(&self, base: &Image) -> Result<(), ApplyError> {
        match self {
            LayerDeltas::V3(_) => Ok(v3::refuse_without_layers(base)?),
            LayerDeltas::Artifact(_) => Ok(()),
        }
    }

    /// Reads the signatures of the target's manifest that the delta brings.
    ///
    /// # Errors
    /// If what it brings as a signature is none, or cannot be read.
    pub fn signatures(&self, progress: &dyn Progress) -> Result<Vec<WholeArtifact>, ApplyError> {
        match self {
            LayerDeltas::V3(_) => Ok(Vec::new()),
            LayerDeltas::Artifact(delta) => Ok(delta.signatures(progress)?),
        }
    }

    /// Whether bytes come from the base's files.
    pub(super) fn needs_tree(&self) -> bool {
        match self {
            LayerDeltas::V3(_) => false,
            LayerDeltas::Artifact(delta) => delta.needs_tree(),
        }
    }

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
        match self.needs_tree() {
            true => sparse_files(layers),
            false => Ok(SparseFiles::default()),
        }
    }

    /// The base of `layers`, whose sparse files are in `sparse`, as this delta takes from it.
    pub(crate) fn base_layers<'a>(
        &self,
        layers: &'a [KeptLayer],
        sparse: &'a SparseFiles,
    ) -> Result<BaseLayers<'a>, ApplyError> {
        BaseLayers::new(layers, self.target().diff_ids(), self.needs_tree(), sparse)
    }

    /// Whether layer number `index` is made by a blob, and not left to the base.
    pub(crate) fn has_blob(&self, index: usize) -> bool {
        match self {
            LayerDeltas::V3(_) => true,
            LayerDeltas::Artifact(delta) => !delta.keeps(index),
        }
    }

    /// Whether the blob of layer number `index` is the layer's own.
    pub(super) fn is_whole(&self, index: usize) -> bool {
        match self {
            LayerDeltas::V3(_) => false,
            LayerDeltas::Artifact(delta) => delta.is_whole(index),
        }
    }

    /// Whether several layers at a time take no more memory than hosts have.
    pub(crate) fn is_frugal(&self) -> bool {
        matches!(self, LayerDeltas::V3(_))
    }

    /// Rebuilds layer number `index` of the target from its `blob`, if it [has one](Self::has_blob), into `out`: at most
    /// `limit` bytes. Returns what was made, and how.
    ///
    /// # Errors
    /// If the blob is of no use, or does not fit the base; nothing is said of the diff ID.
    pub(crate) fn rebuild<'b>(
        &self,
        index: usize,
        blob: Option<impl Read + Send + 'b>,
        base: &BaseLayers<'_>,
        out: impl Write,
        limit: u64,
    ) -> Result<(DiffId, CommandStats), ApplyError> {
        match (self, blob) {
            (LayerDeltas::V3(delta), Some(blob)) => {
                let shared = base.shared(index);
                Ok(delta.rebuild(index, blob, base.stream(), shared, out, limit)?)
            }
            (LayerDeltas::Artifact(delta), Some(blob)) => {
                Ok(delta.rebuild(index, blob, base.bytes(), out, limit)?)
            }
            (_, None) => self.copy(index, base, out),
        }
    }

    /// Says that layer number `index` became the layer `actual`.
    pub(crate) fn wrong_diff_id(&self, index: usize, actual: DiffId) -> ApplyError {
        let (layer, expected) = (index + 1, self.target().diff_ids()[index]);
        match self {
            LayerDeltas::V3(_) => {
                let source = v3::LayerError::WrongDiffId { expected, actual };
                v3::V3Error::Layer { layer, source }.into()
            }
            LayerDeltas::Artifact(_) => {
                let source = LayerDeltaError::WrongDiffId { expected, actual };
                ArtifactError::Layer { layer, source }.into()
            }
        }
    }

    /// Copies layer number `index`, which the base has.
    fn copy(
        &self,
        index: usize,
        base: &BaseLayers<'_>,
        out: impl Write,
    ) -> Result<(DiffId, CommandStats), ApplyError> {
        let (reference, number) = (self.image().reference().to_string(), index + 1);
        let missing = ArtifactError::MissingLayer { reference, layer: number };
        let layer = base.layer(self.target().diff_ids()[index]).ok_or(missing)?;
        let mut out = Hashed::new(out);
        let copied = layer.copy(0, layer.size(), &mut out);
        copied.map_err(|error| {
            let source = LayerDeltaError::of_base(error);
            ArtifactError::Layer { layer: number, source }
        })?;
        let stats = CommandStats { copies: 1, copy_bytes: layer.size(), ..CommandStats::default() };
        Ok((DiffId(out.finish().1.digest), stats))
    }
}
