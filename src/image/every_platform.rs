//! All images that a name stands for, one for each platform.

use std::sync::Arc;

use super::blob_source::{BlobSource, read_config, read_manifest};
use super::config::ImageConfig;
use super::error::ImageError;
use super::image::Image;
use super::index_choice::is_no_image;
use super::limits::{MAX_INDEX_DEPTH, MAX_PLATFORM_LOOKUPS};
use super::manifest::{Descriptor, Manifest, ManifestDocument};
use super::oci_image;
use super::platform::Platform;
use super::reference::ImageReference;
use crate::progress::Progress;

/// The operating system of what is in an index and is no image, such as build attestations.
const NO_IMAGE: &str = "unknown";

/// An image, and what it is for.
#[derive(Debug)]
pub struct PlatformImage {
    /// The platform that the index says the image is for, or else its config. A v3 delta's config says nothing.
    pub platform: Option<Platform>,
    /// The image.
    pub image: Image,
}

impl From<Image> for PlatformImage {
    fn from(image: Image) -> Self {
        PlatformImage { platform: image.platform(), image }
    }
}

/// Opens every image that `top` leads to, in the order of the index; an artifact if `top` is one itself. What is in an
/// index and no image, as attestations are not, is passed over.
pub(super) fn open_all(
    reference: &ImageReference,
    source: Arc<dyn BlobSource>,
    top: ManifestDocument,
    progress: &dyn Progress,
) -> Result<Vec<PlatformImage>, ImageError> {
    let mut all = All { reference, source, progress, found: Vec::new() };
    match top {
        ManifestDocument::Image(manifest) if manifest.is_of_artifact() => {
            all.add_artifact(None, *manifest);
        }
        ManifestDocument::Image(manifest) => all.add(None, *manifest)?,
        ManifestDocument::Index(index) => all.walk(&index.manifests, MAX_INDEX_DEPTH)?,
    }
    Ok(all.found)
}

struct All<'a> {
    reference: &'a ImageReference,
    source: Arc<dyn BlobSource>,
    progress: &'a dyn Progress,
    found: Vec<PlatformImage>,
}

impl All<'_> {
    fn walk(&mut self, entries: &[Descriptor], depth: usize) -> Result<(), ImageError> {
        for entry in entries {
            match &entry.platform {
                Some(platform) if platform.os == NO_IMAGE => {}
                Some(_) => self.open(entry, depth)?,
                // An artifact beside the images.
                None => match self.open(entry, depth) {
                    Err(error) if is_no_image(error.cause()) => {}
                    opened => opened?,
                },
            }
        }
        Ok(())
    }

    fn open(&mut self, entry: &Descriptor, depth: usize) -> Result<(), ImageError> {
        if self.found.len() == MAX_PLATFORM_LOOKUPS {
            return Err(self.malformed(format!("it holds more than {MAX_PLATFORM_LOOKUPS} images")));
        }
        match read_manifest(self.reference, self.source.as_ref(), entry, self.progress)? {
            // The artifact of a platform is in the place of an image for it, as a delta is.
            ManifestDocument::Image(manifest)
                if manifest.is_of_artifact() && entry.platform.is_some() =>
            {
                self.add_artifact(entry.platform.clone(), *manifest);
                Ok(())
            }
            ManifestDocument::Image(manifest) => self.add(entry.platform.clone(), *manifest),
            ManifestDocument::Index(index) if depth > 0 => self.walk(&index.manifests, depth - 1),
            ManifestDocument::Index(_) => {
                Err(self.malformed(format!("indexes are nested deeper than {MAX_INDEX_DEPTH}")))
            }
        }
    }

    fn add(&mut self, platform: Option<Platform>, manifest: Manifest) -> Result<(), ImageError> {
        let source = Arc::clone(&self.source);
        let config = read_config(self.reference, source.as_ref(), &manifest, self.progress)?;
        let image = oci_image::image_of(self.reference, source, manifest, config);
        let platform = platform.or_else(|| image.platform());
        self.found.push(PlatformImage { platform, image });
        Ok(())
    }

    /// Adds what is an artifact, and was named itself or is for a platform.
    fn add_artifact(&mut self, platform: Option<Platform>, manifest: Manifest) {
        let (source, config) = (Arc::clone(&self.source), ImageConfig::of_artifact());
        let image = oci_image::image_of(self.reference, source, manifest, config);
        self.found.push(PlatformImage { platform, image });
    }

    fn malformed(&self, reason: String) -> ImageError {
        ImageError::Malformed { reference: self.reference.to_string(), reason }
    }
}
