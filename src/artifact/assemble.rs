//! Putting an artifact together from the layers that were made.

use super::form::Form;
use super::manifest::{LayerBlob, manifest};
use super::part::Part;
use super::signatures::SignatureBlob;
use crate::delta::CommandStats;
use crate::image::{Blob, Digest, ImageContents, NO_CONFIG, media_type};
use crate::measure::Measure;
use crate::pack::{BlobId, DeltaReport, LayerReport, Pair, Source, pull_sizes};
use crate::temporary::TemporaryPath;

/// A layer that the delta brings.
pub(super) struct MadeLayer {
    /// Number of the layer in the target.
    pub(super) index: usize,
    pub(super) part: Part,
    pub(super) blob: Blob,
    pub(super) media_type: &'static str,
    pub(super) stats: CommandStats,
    pub(super) file: Option<TemporaryPath>,
}

/// All that an artifact is put together from.
pub(super) struct Parts<'a> {
    pub(super) form: &'static Form,
    pub(super) pair: &'a Pair<'a>,
    /// What the dialect calls the target's layers.
    pub(super) names: &'a [String],
    /// What brings the target's signatures.
    pub(super) signatures: &'a [SignatureBlob<'a>],
}

impl Parts<'_> {
    /// Puts the artifact together, and says what it is made of.
    pub(super) fn pack(
        &self,
        layers: Vec<MadeLayer>,
        measure: &Measure,
    ) -> (ImageContents, DeltaReport, Vec<TemporaryPath>) {
        let (base, target) = (self.pair.base, self.pair.target);
        let layer_blob = |layer: &MadeLayer| LayerBlob {
            id: BlobId { digest: layer.blob.digest, size: layer.blob.size },
            media_type: layer.media_type,
            to: self.names[layer.index].clone(),
        };
        let blobs: Vec<LayerBlob> = layers.iter().map(layer_blob).collect();
        let named = self.signatures.iter().map(|(blob, _)| blob.clone());
        let manifest = manifest(self.form, base, target, &blobs, named);
        let report = self.report(Digest::of(&manifest), &layers, measure);
        let parts = target.manifest().map(|manifest| manifest.bytes().to_vec());
        let parts = parts.into_iter().chain([target.config().bytes().to_vec()]);
        let (mut blobs, mut files): (Vec<Blob>, _) =
            (parts.map(Blob::from_bytes).collect(), Vec::new());
        for layer in layers {
            blobs.push(layer.blob);
            files.extend(layer.file);
        }
        blobs.extend(self.signatures.iter().map(|(_, bytes)| Blob::from_bytes(bytes.to_vec())));
        let mount_from = target.reference().registry().into_iter().cloned().collect();
        let contents = ImageContents {
            manifest,
            manifest_media_type: media_type::OCI_MANIFEST.to_owned(),
            config: NO_CONFIG.to_vec(),
            layers: blobs,
            mount_from,
        };
        (contents, report, files)
    }

    fn report(&self, digest: Digest, layers: &[MadeLayer], measure: &Measure) -> DeltaReport {
        let (base, target) = (self.pair.base, self.pair.target);
        let pulls = pull_sizes(base, target);
        let layer_report = |(index, layer): (usize, &crate::store::Layer)| {
            let is_shared = self.pair.sources[index] == Source::Shared;
            let made = layers.iter().find(|made| made.index == index);
            let len = layer.len() as u64;
            let kept = CommandStats { copies: 1, copy_bytes: len, ..CommandStats::default() };
            let (bytes, stats) = made.map_or((0, kept), |made| (made.blob.size, made.stats));
            LayerReport::new(layer.diff_id(), Some(is_shared), pulls[index], bytes, stats)
        };
        let layers = self.pair.target_layers.iter().enumerate().map(layer_report).collect();
        DeltaReport::new(base.id(), target.id(), Some(digest), layers, measure)
    }
}
