//! From a top-level manifest or index to an opened image, for every place that addresses blobs by
//! digest: registry, OCI layout, OCI archive.

use std::io::Read;
use std::sync::Arc;

use super::blob_reader::{BlobReader, read_small};
use super::limits::{MAX_CONFIG_BYTES, MAX_INDEX_DEPTH, MAX_MANIFEST_BYTES};
use super::stored_layer::LayerSource;
use super::{
    ConfigError, Descriptor, Image, ImageError, ImageReference, Index, Manifest, ManifestDocument,
    ManifestError, Platform, media_type, parse_config, parse_manifest,
};
use crate::progress::{Progress, Stoppable};

/// How the media types of encrypted layers end (ocicrypt).
const ENCRYPTED: &str = "+encrypted";

/// A place that gives out blobs by digest.
pub(super) trait BlobSource: Send + Sync {
    /// A manifest's bytes, unchecked. Registries keep manifests apart from blobs.
    fn open_manifest(
        &self,
        descriptor: &Descriptor,
        _progress: &dyn Progress,
    ) -> Result<Box<dyn Read + Send>, ImageError> {
        self.open_blob(descriptor)
    }
    /// A blob's bytes, unchecked.
    fn open_blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError>;
}

/// Opens the image that `top` leads to. Reading stops when `progress` says so.
pub(super) fn open(
    reference: &ImageReference,
    source: Arc<dyn BlobSource>,
    top: ManifestDocument,
    platform: &Platform,
    progress: &dyn Progress,
) -> Result<Image, ImageError> {
    let manifest = resolve(reference, source.as_ref(), top, platform, progress)?;
    let place = reference.to_string();
    let descriptor = manifest.config();
    if descriptor.size > MAX_CONFIG_BYTES {
        return Err(ImageError::Config { reference: place, source: ConfigError::TooLarge });
    }
    let bytes =
        read_small(Stoppable::new(source.open_blob(descriptor)?, progress), descriptor, &place)?;
    let config = parse_config(&bytes).map_err(|source| not_an_image(&place, descriptor, source))?;
    let layers = Arc::new(BlobLayers { source, place, blobs: manifest.layers().to_vec() });
    Ok(Image { reference: reference.clone(), manifest: Some(manifest), config, layers })
}

/// Why the config can't be read: that of a chart or another artifact has a type of its own.
fn not_an_image(place: &str, config: &Descriptor, source: ConfigError) -> ImageError {
    let reference = place.to_owned();
    match config.media_type.as_str() {
        media_type::OCI_CONFIG | media_type::DOCKER_CONFIG => {
            ImageError::Config { reference, source }
        }
        other => {
            let source = ManifestError::Artifact(other.chars().take(100).collect());
            ImageError::Manifest { reference, source }
        }
    }
}

/// Reads the manifest or index that `descriptor` names.
pub(super) fn read_manifest(
    reference: &ImageReference,
    source: &dyn BlobSource,
    descriptor: &Descriptor,
    progress: &dyn Progress,
) -> Result<ManifestDocument, ImageError> {
    let place = reference.to_string();
    let wrong = |source| ImageError::Manifest { reference: place.clone(), source };
    if descriptor.size > MAX_MANIFEST_BYTES {
        return Err(wrong(ManifestError::TooLarge));
    }
    let bytes = read_small(source.open_manifest(descriptor, progress)?, descriptor, &place)?;
    parse_manifest(&bytes, Some(&descriptor.media_type)).map_err(wrong)
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
                let chosen = choose(reference, &index, platform)?;
                if let Some(platform) = &chosen.platform {
                    tracing::info!(
                        "{reference}: chose the image for {platform}, {}",
                        chosen.digest
                    );
                }
                read_manifest(reference, source, chosen, progress)?
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

/// The entry of `index` that serves `platform` best. An entry that names no platform is taken only
/// where it is the only one.
fn choose<'a>(
    reference: &ImageReference,
    index: &'a Index,
    platform: &Platform,
) -> Result<&'a Descriptor, ImageError> {
    if let [only] = index.manifests.as_slice()
        && only.platform.is_none()
    {
        return Ok(only);
    }
    let ranked = |entry: &'a Descriptor| Some((platform.rank(entry.platform.as_ref()?)?, entry));
    let best = index.manifests.iter().filter_map(ranked).min_by_key(|(rank, _)| *rank);
    best.map(|(_, entry)| entry).ok_or_else(|| ImageError::MissingPlatform {
        reference: reference.to_string(),
        wanted: platform.clone(),
        available: available(index),
    })
}

/// The platforms of an index, without the `unknown/unknown` that build attestations carry.
fn available(index: &Index) -> Vec<Platform> {
    let platforms = index.manifests.iter().filter_map(|entry| entry.platform.clone());
    platforms.filter(|platform| platform.os != "unknown").collect()
}

struct BlobLayers {
    source: Arc<dyn BlobSource>,
    place: String,
    blobs: Vec<Descriptor>,
}

impl LayerSource for BlobLayers {
    fn count(&self) -> usize {
        self.blobs.len()
    }

    fn descriptor(&self, index: usize) -> Option<&Descriptor> {
        self.blobs.get(index)
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + Send>, ImageError> {
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
        let blob = self.source.open_blob(descriptor)?;
        Ok(Box::new(BlobReader::new(blob, descriptor.digest, descriptor.size, &*self.place)))
    }
}
