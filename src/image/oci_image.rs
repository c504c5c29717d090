//! From a top-level manifest or index to an opened image, for every place that addresses blobs by
//! digest: registry, OCI layout, OCI archive.

use std::io::Read;
use std::sync::Arc;

use super::blob_reader::BlobReader;
use super::blob_source::read_config;
pub(super) use super::blob_source::{BlobSource, read_manifest};
use super::index_choice::choose;
use super::limits::MAX_INDEX_DEPTH;
use super::stored_layer::LayerSource;
use super::{
    Descriptor, Image, ImageConfig, ImageError, ImageReference, Manifest, ManifestDocument,
    Platform,
};
use crate::progress::Progress;

/// How the media types of encrypted layers end (ocicrypt).
const ENCRYPTED: &str = "+encrypted";

/// Opens the image or artifact that `top` leads to. Reading stops when `progress` says so.
pub(super) fn open(
    reference: &ImageReference,
    source: Arc<dyn BlobSource>,
    top: ManifestDocument,
    platform: &Platform,
    progress: &dyn Progress,
) -> Result<Image, ImageError> {
    let named = top.digest();
    let manifest = resolve(reference, source.as_ref(), top, platform, progress)?;
    let config = config_of(reference, source.as_ref(), &manifest, progress)?;
    let image = image_of(reference, source, manifest, config);
    Ok(Image { named: named.or(image.named), ..image })
}

/// The config that `manifest` names; of an artifact, one that says nothing.
pub(super) fn config_of(
    reference: &ImageReference,
    source: &dyn BlobSource,
    manifest: &Manifest,
    progress: &dyn Progress,
) -> Result<ImageConfig, ImageError> {
    match manifest.is_of_artifact() {
        true => Ok(ImageConfig::of_artifact()),
        false => read_config(reference, source, manifest, progress),
    }
}

/// The image of `manifest`, whose config has been read.
pub(super) fn image_of(
    reference: &ImageReference,
    source: Arc<dyn BlobSource>,
    manifest: Manifest,
    config: ImageConfig,
) -> Image {
    let (place, blobs) = (reference.to_string(), manifest.layers().to_vec());
    let layers = Arc::new(BlobLayers { source, place, blobs });
    Image::known(reference.clone(), Some(manifest), config, layers)
}

fn resolve(
    reference: &ImageReference,
    source: &dyn BlobSource,
    top: ManifestDocument,
    platform: &Platform,
    progress: &dyn Progress,
) -> Result<Manifest, ImageError> {
    let mut document = top;
    for _ in 0..MAX_INDEX_DEPTH {
        document = match document {
            ManifestDocument::Image(manifest) => return Ok(*manifest),
            ManifestDocument::Index(index) => {
                let chosen = choose(reference, source, &index, platform, progress)?;
                if let Some(platform) = &chosen.platform {
                    tracing::info!(
                        "{reference}: chose the image for {platform}, {}",
                        chosen.digest
                    );
                }
                read_manifest(reference, source, &chosen, progress)?
            }
        };
    }
    match document {
        ManifestDocument::Image(manifest) => Ok(*manifest),
        ManifestDocument::Index(_) => Err(ImageError::Malformed {
            reference: reference.to_string(),
            reason: format!("indexes are nested deeper than {MAX_INDEX_DEPTH}"),
        }),
    }
}

struct BlobLayers {
    source: Arc<dyn BlobSource>,
    place: String,
    blobs: Vec<Descriptor>,
}

impl BlobLayers {
    /// The blob of a layer that is not encrypted.
    fn readable(&self, index: usize) -> Result<&Descriptor, ImageError> {
        let descriptor = &self.blobs[index];
        if descriptor.media_type.ends_with(ENCRYPTED) {
            return Err(ImageError::Malformed {
                reference: self.place.clone(),
                reason: format!(
                    "layer {} is encrypted ({}); the image must be decrypted first",
                    index + 1,
                    descriptor.media_type
                ),
            });
        }
        Ok(descriptor)
    }
}

impl LayerSource for BlobLayers {
    fn count(&self) -> usize {
        self.blobs.len()
    }

    fn descriptor(&self, index: usize) -> Option<&Descriptor> {
        self.blobs.get(index)
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + Send>, ImageError> {
        let descriptor = self.readable(index)?;
        let blob = self.source.open_blob(descriptor)?;
        Ok(Box::new(BlobReader::new(blob, descriptor.digest, descriptor.size, &*self.place)))
    }

    fn open_rest(
        &self,
        index: usize,
        start: u64,
    ) -> Result<Option<Box<dyn Read + Send>>, ImageError> {
        self.source.open_rest(self.readable(index)?, start)
    }
}
