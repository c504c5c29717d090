//! A place that gives out manifests and blobs by digest, and reading the small ones.

use std::io::Read;

use super::blob_reader::read_small;
use super::config::{ConfigError, ImageConfig, parse_config};
use super::error::ImageError;
use super::limits::{MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES};
use super::manifest::{
    Descriptor, Manifest, ManifestDocument, ManifestError, media_type, parse_manifest,
};
use super::reference::ImageReference;
use crate::progress::{Progress, Stoppable};

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
    /// A blob's bytes from `start` on, unchecked. `None` where blobs come from near by, and begin at the beginning.
    fn open_rest(
        &self,
        _descriptor: &Descriptor,
        _start: u64,
    ) -> Result<Option<Box<dyn Read + Send>>, ImageError> {
        Ok(None)
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

/// Reads the config that `manifest` names. Reading stops when `progress` says so.
pub(super) fn read_config(
    reference: &ImageReference,
    source: &dyn BlobSource,
    manifest: &Manifest,
    progress: &dyn Progress,
) -> Result<ImageConfig, ImageError> {
    let place = reference.to_string();
    let descriptor = manifest.config();
    if descriptor.size > MAX_CONFIG_BYTES {
        return Err(ImageError::Config { reference: place, source: ConfigError::TooLarge });
    }
    let bytes =
        read_small(Stoppable::new(source.open_blob(descriptor)?, progress), descriptor, &place)?;
    parse_config(&bytes).map_err(|source| not_an_image(&place, descriptor, source))
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
