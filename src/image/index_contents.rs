//! Images for several platforms that are to be written under one name.

use serde::Serialize;

use super::contents::{Blob, ImageContents};
use super::digest::Digest;
use super::error::ImageError;
use super::manifest::{Descriptor, Manifest, media_type};
use super::platform::Platform;

/// Images for several platforms, and the index that leads to them.
#[derive(Debug, Clone)]
pub struct IndexContents {
    pub(super) index: Vec<u8>,
    pub(super) media_type: &'static str,
    pub(super) images: Vec<(ImageContents, Manifest)>,
}

/// The index as JSON (OCI image spec, "Image Index"; Docker's manifest list is the same).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
}

impl IndexContents {
    /// The index of `images`, by platform. The same images give the same bytes in whatever order they come.
    ///
    /// # Errors
    /// [`ImageError::Contents`] for two images of one platform, or one whose manifest does not name its blobs.
    pub fn new(mut images: Vec<(Platform, ImageContents)>) -> Result<Self, ImageError> {
        images.sort_by(|(one, _), (other, _)| one.cmp(other));
        if images.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(ImageError::contents("two images are for one platform"));
        }
        let mut manifests = Vec::new();
        let mut checked = Vec::new();
        for (platform, contents) in images {
            let manifest = contents.check_manifest()?;
            manifests.push(Descriptor { platform: Some(platform), ..manifest.descriptor() });
            checked.push((contents, manifest));
        }
        let is_oci = |entry: &Descriptor| entry.media_type == media_type::OCI_MANIFEST;
        let media_type = match manifests.iter().all(is_oci) {
            true => media_type::OCI_INDEX,
            false => media_type::DOCKER_LIST,
        };
        let document = Document { schema_version: 2, media_type, manifests };
        let index = serde_json::to_vec(&document)
            .map_err(|error| ImageError::contents(error.to_string()))?;
        Ok(IndexContents { index, media_type, images: checked })
    }

    /// The digest of the index.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.index)
    }

    /// What leads to the index.
    pub(super) fn descriptor(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type.to_owned(),
            digest: self.digest(),
            size: self.index.len() as u64,
            urls: Vec::new(),
            annotations: None,
            artifact_type: None,
            platform: None,
        }
    }

    /// The blobs of a place that keeps manifests among blobs: the index, then each image's, its manifest first.
    pub(super) fn blobs(&self) -> Vec<Blob> {
        let images = self.images.iter().flat_map(|(contents, _)| contents.blobs_with_manifest());
        std::iter::once(Blob::from_bytes(self.index.clone())).chain(images).collect()
    }
}
