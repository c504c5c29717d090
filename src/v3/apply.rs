//! Rebuilding the target image from its base and a delta.

use std::io::{self, Write};
use std::sync::atomic::AtomicU64;

use flate2::write::GzEncoder;
use rayon::prelude::*;

use super::labels::DeltaLabels;
use super::rebuild::{RebuiltLayer, open_blob, rebuild};
use super::refuse::refuse_without_layers;
use super::verify::expect_diff_id;
use super::{DeltaReport, LayerError, LayerReport, V3Error};
use crate::ErrorKind;
use crate::delta::Base;
use crate::image::{Image, ImageConfig, ImageContents, ImageReference};
use crate::measure::Measure;
use crate::pack::{
    BlobId, Hashed, ManifestKind, Written, base_stream, image_manifest, shared_layers,
};
use crate::progress::Progress;
use crate::store::{Store, Workspace, verify_layers};
use crate::temporary::{TemporaryFile, TemporaryPath};

/// How the rebuilt image is to be wrapped up. Its config, and so its image ID, are the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplyOptions {
    /// Which manifest the image gets. It is not the target's own: that has gone with the compressed
    /// layers it names.
    pub manifest: ManifestKind,
    /// Leave the layers uncompressed.
    pub plain_layers: bool,
}

impl ApplyOptions {
    /// What is usual at `destination`.
    pub fn for_destination(destination: &ImageReference) -> Self {
        ApplyOptions {
            manifest: ManifestKind::for_destination(destination),
            plain_layers: destination.holds_plain_layers(),
        }
    }
}

/// A target image that has been rebuilt. Its layers are temporary files that go when it is dropped.
#[derive(Debug)]
pub struct Rebuilt {
    contents: ImageContents,
    report: DeltaReport,
    /// Declared before the folder that they are in.
    _blobs: Vec<TemporaryPath>,
    _scratch: Workspace,
}

impl Rebuilt {
    /// The image, ready to be written.
    pub fn contents(&self) -> &ImageContents {
        &self.contents
    }

    /// What the delta was made of.
    pub fn report(&self) -> &DeltaReport {
        &self.report
    }
}

/// Rebuilds the target of the delta image `delta`, ours or balena-engine's, from `base`. Every
/// command is checked against the base and every layer against the target's diff IDs; memory does not
/// grow with the images.
///
/// # Errors
/// Whatever does not fit, with the layer, the number of the command and the byte offset. Nothing is
/// left behind.
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
    let base_layers = store.ensure_layers(&[base], progress)?.remove(0);
    let scratch = store.scratch()?;
    let work = Work {
        delta,
        target: &labels.target,
        base: base_stream(&base_layers),
        shared: base_layers[..shared].iter().map(|layer| &layer[..]).collect(),
        scratch: &scratch,
        limit: store.max_layer_bytes(),
        plain_layers: options.plain_layers,
        progress,
    };
    let layers = work.rebuild_all().map_err(|error| match error.kind() {
        // Not the delta is to blame if the base's bytes are not what they were.
        ErrorKind::Content => verify_layers(&base_layers).map_or_else(V3Error::from, |()| error),
        _ => error,
    })?;
    let contents = image_contents(&labels.target, options, &layers);
    let digest = delta.manifest().map(|manifest| manifest.digest());
    let reports = layers.iter().map(|layer| layer.report.clone()).collect();
    let report = DeltaReport::new(labels.base, labels.target.id(), digest, reports, &measure);
    let blobs = layers.into_iter().map(|layer| layer.blob.out).collect();
    Ok(Rebuilt { contents, report, _blobs: blobs, _scratch: scratch })
}

/// What it takes to rebuild any layer.
struct Work<'a> {
    delta: &'a Image,
    target: &'a ImageConfig,
    base: Base<'a>,
    /// The base's layers that the target shares, bottom first.
    shared: Vec<&'a [u8]>,
    scratch: &'a Workspace,
    limit: u64,
    plain_layers: bool,
    progress: &'a dyn Progress,
}

/// A layer that has been rebuilt and packed.
struct PackedLayer {
    blob: Written<TemporaryPath>,
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
        let file = LayerFile::new(self.scratch.new_file()?, self.plain_layers);
        let RebuiltLayer { out, diff_id, stats } =
            self.rebuild(index, file, &bytes).map_err(V3Error::layer(index))?;
        let (out, id) = out.finish()?;
        let shared = index < self.shared.len();
        let report = LayerReport::new(diff_id, Some(shared), None, bytes.into_inner(), stats);
        Ok(PackedLayer { blob: Written { out: out.close(), id, diff_id }, report })
    }

    fn rebuild(
        &self,
        index: usize,
        file: LayerFile,
        bytes: &AtomicU64,
    ) -> Result<RebuiltLayer<LayerFile>, LayerError> {
        let blob = open_blob(self.delta, index, bytes, self.progress)?;
        let shared = self.shared.get(index).copied();
        let rebuilt = rebuild(blob, &self.base, shared, file, self.limit)?;
        expect_diff_id(self.target.diff_ids()[index], rebuilt.diff_id)?;
        Ok(rebuilt)
    }
}

/// The file that a layer is rebuilt into.
enum LayerFile {
    Plain(Hashed<TemporaryFile>),
    Gzip(Box<GzEncoder<Hashed<TemporaryFile>>>),
}

impl LayerFile {
    fn new(file: TemporaryFile, plain: bool) -> Self {
        let file = Hashed::new(file);
        match plain {
            true => LayerFile::Plain(file),
            // Neither name nor time is in its header: the same layer makes the same bytes.
            false => {
                LayerFile::Gzip(Box::new(GzEncoder::new(file, flate2::Compression::default())))
            }
        }
    }

    fn finish(self) -> io::Result<(TemporaryFile, BlobId)> {
        match self {
            LayerFile::Plain(file) => Ok(file.finish()),
            LayerFile::Gzip(encoder) => Ok(encoder.finish()?.finish()),
        }
    }
}

impl Write for LayerFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            LayerFile::Plain(file) => file.write(bytes),
            LayerFile::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn image_contents(
    target: &ImageConfig,
    options: ApplyOptions,
    layers: &[PackedLayer],
) -> ImageContents {
    let config = target.bytes().to_vec();
    let blobs: Vec<BlobId> = layers.iter().map(|layer| layer.blob.id).collect();
    let gzip = !options.plain_layers;
    ImageContents {
        manifest: image_manifest(options.manifest, BlobId::of(&config), &blobs, gzip),
        manifest_media_type: options.manifest.media_type().to_owned(),
        config,
        layers: layers.iter().map(|layer| layer.blob.to_blob()).collect(),
        mount_from: Vec::new(),
    }
}
