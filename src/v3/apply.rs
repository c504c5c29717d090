//! Rebuilding the target image from its base and a delta.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::AtomicU64;

use rayon::prelude::*;

use super::labels::DeltaLabels;
use super::rebuild::{RebuiltLayer, expect_blobs, open_blob, rebuild};
use super::refuse::refuse_without_layers;
use super::verify::expect_diff_id;
use super::{DeltaReport, LayerError, LayerReport, V3Error};
use crate::ErrorKind;
use crate::delta::{Base, BaseBytes};
use crate::image::{
    Blob, Descriptor, DiffId, Image, ImageBudget, ImageConfig, ImageContents, ImageReference,
};
use crate::measure::Measure;
use crate::pack::{
    BlobId, LayerFile, ManifestKind, Metered, PackedImage, Written, base_stream, check_work,
    image_manifest, shared_layers,
};
use crate::progress::Progress;
use crate::space::{SpaceWatch, check_space};
use crate::store::{Store, Workspace, verify_layers};
use crate::temporary::{TemporaryFile, TemporaryPath};

/// How the rebuilt image is to be wrapped up. The image's config, and so its ID, are the target's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApplyOptions {
    /// The kind of manifest that the image gets: not the target's own, which has gone with the
    /// compressed layers that it names.
    pub manifest: ManifestKind,
    /// Leave the layers uncompressed.
    pub plain_layers: bool,
    /// Refer to the base's own blobs of layers that the target has too, even if the base is in a
    /// registry: where the image goes they are there, can be mounted, or are fetched once more.
    /// Blobs of a base that is on this machine are kept in any case.
    pub base_blobs: bool,
}

impl ApplyOptions {
    /// Returns the options that are usual at `destination`.
    pub fn for_destination(destination: &ImageReference) -> Self {
        ApplyOptions {
            manifest: ManifestKind::for_destination(destination),
            plain_layers: destination.holds_plain_layers(),
            base_blobs: matches!(destination, ImageReference::Registry(_)),
        }
    }
}

/// A target image that has been rebuilt. The image's layers are temporary files that go when it is dropped.
#[derive(Debug)]
pub struct Rebuilt {
    image: PackedImage,
    report: DeltaReport,
}

impl Rebuilt {
    /// The image, ready to be written.
    pub fn contents(&self) -> &ImageContents {
        self.image.contents()
    }

    /// Returns the report on what the delta was made of.
    pub fn report(&self) -> &DeltaReport {
        &self.report
    }
}

/// Rebuilds the target of the delta image `delta`, ours or balena-engine's, from `base`. Every
/// command is checked against the base and every layer against the target's diff IDs; memory does not
/// grow with the images.
///
/// # Errors
/// If something does not fit: the error names the layer, the number of the command and the byte
/// offset. Nothing is left behind.
pub fn apply(
    base: &Image,
    delta: &Image,
    store: &Store,
    options: ApplyOptions,
    progress: &dyn Progress,
) -> Result<Rebuilt, V3Error> {
    let measure = Measure::start(progress);
    let labels = DeltaLabels::of(delta)?;
    if base.id() != labels.base {
        let reference = base.reference().to_string();
        let (expected, actual) = (labels.base, base.id());
        return Err(V3Error::WrongBase { reference, expected, actual });
    }
    refuse_without_layers(base)?;
    let shared = shared_layers(base.diff_ids()?, labels.target.diff_ids());
    // Before the base's first byte comes, all that is to come is known.
    expect_blobs(delta, progress);
    let base_layers = store.ensure_layers(&[base], progress)?.remove(0);
    let base_bytes: u64 = base_layers.iter().map(|layer| layer.len() as u64).sum();
    check_work(base_bytes, 0, 0)?;
    let scratch = store.scratch()?;
    let limits = store.limits();
    let budget = ImageBudget::new(limits, base_bytes.saturating_add(delta.stored_bytes()));
    check_space(store.path(), delta.stored_bytes()).map_err(V3Error::Write)?;
    let work = Work {
        delta,
        base_image: base,
        target: &labels.target,
        base: base_stream(&base_layers),
        shared: base_layers[..shared].iter().map(|layer| Base::new(vec![&layer[..]])).collect(),
        scratch: &scratch,
        space: store.path(),
        budget: &budget,
        limit: limits.layer_bytes,
        options,
        progress,
    };
    let layers = work.rebuild_all().map_err(|error| match error.kind() {
        // Not the delta is to blame if the base's bytes are not what they were.
        ErrorKind::Content => verify_layers(&base_layers).map_or_else(V3Error::from, |()| error),
        _ => error,
    })?;
    let contents = image_contents(base, &labels.target, options, &layers);
    let digest = delta.manifest().map(|manifest| manifest.digest());
    let reports = layers.iter().map(|layer| layer.report.clone()).collect();
    let report = DeltaReport::new(labels.base, labels.target.id(), digest, reports, &measure);
    let blobs = layers.into_iter().filter_map(|layer| layer.file).collect();
    Ok(Rebuilt { image: PackedImage::new(contents, blobs, scratch), report })
}

/// Everything that rebuilding a layer takes.
struct Work<'a> {
    delta: &'a Image,
    base_image: &'a Image,
    target: &'a ImageConfig,
    base: Base<'a>,
    /// The base's layers that the target shares, bottom first.
    shared: Vec<Base<'a>>,
    scratch: &'a Workspace,
    /// A folder on the disk that the scratch folder is on.
    space: &'a Path,
    budget: &'a ImageBudget,
    limit: u64,
    options: ApplyOptions,
    progress: &'a dyn Progress,
}

/// A layer that has been rebuilt and packed.
struct PackedLayer {
    blob: Blob,
    descriptor: Descriptor,
    /// The blob's file, unless the blob is the base's.
    file: Option<TemporaryPath>,
    report: LayerReport,
}

impl Work<'_> {
    /// All layers, several at a time. Of several failures, that of the lowest layer is told.
    fn rebuild_all(&self) -> Result<Vec<PackedLayer>, V3Error> {
        let layers: Vec<Result<PackedLayer, V3Error>> =
            (0..self.target.diff_ids().len()).into_par_iter().map(|i| self.pack(i)).collect();
        layers.into_iter().collect()
    }

    fn pack(&self, index: usize) -> Result<PackedLayer, V3Error> {
        let bytes = AtomicU64::new(0);
        let kept = self.kept(index);
        let out = match kept {
            Some(_) => LayerFile::Nowhere(io::sink()),
            None => LayerFile::new(self.scratch.new_file()?, self.options.plain_layers),
        };
        let out = Metered::new(out, self.budget, SpaceWatch::new(self.space));
        let RebuiltLayer { out, diff_id, stats } =
            self.rebuild(index, out, &bytes).map_err(V3Error::layer(index))?;
        let shared = index < self.shared.len();
        let report = LayerReport::new(diff_id, Some(shared), None, bytes.into_inner(), stats);
        let written = out.into_inner().finish()?;
        Ok(match (kept, written) {
            (None, Some((file, id))) => self.new_layer(file, id, diff_id, report),
            (Some((blob, descriptor)), _) => PackedLayer { blob, descriptor, file: None, report },
            (None, None) => unreachable!("only what is kept is written nowhere"),
        })
    }

    fn new_layer(
        &self,
        file: TemporaryFile,
        id: BlobId,
        diff_id: DiffId,
        report: LayerReport,
    ) -> PackedLayer {
        let written = Written { out: file.close(), id, diff_id };
        let descriptor = self.options.manifest.layer(id, !self.options.plain_layers);
        let blob = written.to_blob();
        PackedLayer { blob, descriptor, file: Some(written.out), report }
    }

    /// The base's blob of layer number `index` of the target, if the base has that layer and its blob
    /// can be had. It is as the base's manifest names it; engines compare it with the diff ID as they
    /// do when they pull the base.
    fn kept(&self, index: usize) -> Option<(Blob, Descriptor)> {
        let in_registry = matches!(self.base_image.reference(), ImageReference::Registry(_));
        if self.options.plain_layers || (in_registry && !self.options.base_blobs) {
            return None;
        }
        let diff_id = self.target.diff_ids()[index];
        let same = if index < self.shared.len() {
            index
        } else {
            self.base_image.config().diff_ids().iter().position(|base| *base == diff_id)?
        };
        let descriptor = self.base_image.layer_descriptor(same)?;
        Some((self.base_image.layer_blob(same)?, self.options.manifest.kept_layer(descriptor)?))
    }

    fn rebuild<W: Write>(
        &self,
        index: usize,
        out: W,
        bytes: &AtomicU64,
    ) -> Result<RebuiltLayer<W>, LayerError> {
        let blob = open_blob(self.delta, index, bytes, self.progress)?;
        let shared = self.shared.get(index).map(|layer| layer as &dyn BaseBytes);
        let rebuilt = rebuild(blob, &self.base, shared, out, self.limit)?;
        expect_diff_id(self.target.diff_ids()[index], rebuilt.diff_id)?;
        Ok(rebuilt)
    }
}

fn image_contents(
    base: &Image,
    target: &ImageConfig,
    options: ApplyOptions,
    layers: &[PackedLayer],
) -> ImageContents {
    let config = target.bytes().to_vec();
    let descriptors = layers.iter().map(|layer| layer.descriptor.clone()).collect();
    let mount_from = match base.reference() {
        ImageReference::Registry(base) => vec![base.clone()],
        _ => Vec::new(),
    };
    ImageContents {
        manifest: image_manifest(options.manifest, BlobId::of(&config), descriptors),
        manifest_media_type: options.manifest.media_type().to_owned(),
        config,
        layers: layers.iter().map(|layer| layer.blob.clone()).collect(),
        mount_from,
    }
}
