//! The rebuilt image: its layers as they were packed, and the manifest that names them.

use super::{ApplyOptions, LayerDeltas};
use crate::image::{Blob, Descriptor, Image, ImageContents};
use crate::measure::Measure;
use crate::pack::{BlobId, DeltaReport, LayerReport, PackedImage, image_manifest};
use crate::store::{IncomingBlob, Store, Workspace};
use crate::temporary::TemporaryPath;

/// A target image that has been rebuilt. The image's layers are temporary files that go when it is dropped.
#[derive(Debug)]
pub struct Rebuilt {
    image: PackedImage,
    report: DeltaReport,
    /// The delta's blobs, which are kept on their way in.
    blobs: Vec<IncomingBlob>,
}

impl Rebuilt {
    /// Puts the image of `layers` together, which `delta` made from `base`.
    pub(super) fn new(
        base: &Image,
        delta: &LayerDeltas,
        options: ApplyOptions,
        layers: Vec<PackedLayer>,
        scratch: Workspace,
        measure: &Measure,
    ) -> Self {
        let contents = image_contents(base, delta, options, &layers);
        let digest = delta.image().manifest().map(|manifest| manifest.digest());
        let (reports, files): (Vec<_>, Vec<_>) =
            layers.into_iter().map(|layer| (layer.report, layer.file)).unzip();
        let report = DeltaReport::new(delta.base(), delta.target().id(), digest, reports, measure);
        let image = PackedImage::new(contents, files.into_iter().flatten().collect(), scratch);
        let numbers = 0..delta.target().diff_ids().len();
        let blobs = numbers.filter_map(|index| delta.blob(index).incoming()).collect();
        Rebuilt { image, report, blobs }
    }

    /// The image, ready to be written.
    pub fn contents(&self) -> &ImageContents {
        self.image.contents()
    }

    /// Returns the report on what the delta was made of.
    pub fn report(&self) -> &DeltaReport {
        &self.report
    }

    /// Gives up what `store` has of the delta's blobs. Until then they are there for whoever begins anew after this run was
    /// cut off; once the image is written they are of no more use.
    pub fn forget_blobs(&self, store: &Store) {
        self.blobs.iter().for_each(|blob| store.forget_partial(*blob));
    }
}

/// A layer that has been rebuilt and packed.
pub(super) struct PackedLayer {
    pub(super) blob: Blob,
    pub(super) descriptor: Descriptor,
    /// The blob's file, unless the blob is the base's.
    pub(super) file: Option<TemporaryPath>,
    pub(super) report: LayerReport,
}

fn image_contents(
    base: &Image,
    delta: &LayerDeltas,
    options: ApplyOptions,
    layers: &[PackedLayer],
) -> ImageContents {
    let config = delta.target().bytes().to_vec();
    let mount_from = base.reference().registry().into_iter().cloned().collect();
    let blobs = layers.iter().map(|layer| layer.blob.clone()).collect();
    let (manifest, media_type) = manifest(delta, options, layers);
    ImageContents { manifest, manifest_media_type: media_type, config, layers: blobs, mount_from }
}

/// The target's own manifest, if all blobs that it names are there, or one that names those that are: its bytes, and its
/// media type.
fn manifest(
    delta: &LayerDeltas,
    options: ApplyOptions,
    layers: &[PackedLayer],
) -> (Vec<u8>, String) {
    if let Some(own) = delta.target_manifest() {
        let named = own.layers().iter().map(|layer| (layer.digest, layer.size));
        if named.eq(layers.iter().map(|layer| (layer.blob.digest, layer.blob.size))) {
            return (own.bytes().to_vec(), own.media_type().to_owned());
        }
    }
    let descriptors = layers.iter().map(|layer| layer.descriptor.clone()).collect();
    let config = BlobId::of(delta.target().bytes());
    let manifest = image_manifest(options.manifest, config, descriptors);
    (manifest, options.manifest.media_type().to_owned())
}
