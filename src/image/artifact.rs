//! What lies beside images in their repository and is none itself, such as their signatures: a manifest with small
//! blobs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::blob_reader::read_small;
use super::blob_source::BlobSource;
use super::limits::MAX_MANIFEST_BYTES;
use super::{
    Descriptor, ImageError, ImageReference, Manifest, ManifestDocument, RegistryReference,
    Transports, WholeArtifact,
};
use crate::progress::{Progress, Stoppable};

/// A manifest, and the place that has its blobs.
pub struct Artifact {
    place: String,
    source: Arc<dyn BlobSource>,
    manifest: Manifest,
}

impl Artifact {
    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Reads a small blob, which must have the digest that its descriptor says.
    ///
    /// # Errors
    /// If the registry does not give it, it is damaged or larger than manifests may be, or `progress` stops the
    /// work.
    pub fn read(&self, blob: &Descriptor, progress: &dyn Progress) -> Result<Vec<u8>, ImageError> {
        if blob.size > MAX_MANIFEST_BYTES {
            return Err(self.malformed(format!("its blob {} is too large to be read", blob.digest)));
        }
        read_small(Stoppable::new(self.source.open_blob(blob)?, progress), blob, &self.place)
    }

    /// Where the manifest was found.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Reads all that the manifest names.
    ///
    /// # Errors
    /// Those of [`Artifact::read`]; also if the manifest names more than is small.
    pub(crate) fn whole(self, progress: &dyn Progress) -> Result<WholeArtifact, ImageError> {
        let named = || [self.manifest.config()].into_iter().chain(self.manifest.layers());
        let bytes = named().map(|blob| blob.size).fold(0, u64::saturating_add);
        if bytes > MAX_MANIFEST_BYTES {
            return Err(self.malformed(format!("its blobs have {bytes} bytes together")));
        }
        let mut blobs = BTreeMap::new();
        for blob in named() {
            if let Entry::Vacant(place) = blobs.entry(blob.digest) {
                place.insert(self.read(blob, progress)?);
            }
        }
        Ok(WholeArtifact::new(self.manifest, blobs))
    }

    fn malformed(&self, reason: String) -> ImageError {
        ImageError::Malformed { reference: self.place.clone(), reason }
    }
}

impl std::fmt::Debug for Artifact {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, manifest, source: _ } = self;
        formatter
            .debug_struct("Artifact")
            .field("place", place)
            .field("manifest", manifest)
            .finish()
    }
}

impl Transports {
    /// Reads the manifest that the reference names, whatever it is a manifest of; `None` if there is none.
    ///
    /// # Errors
    /// If the registry does not answer, or refuses; if what it answers is no manifest; if `progress` stops the
    /// work.
    pub fn artifact(
        &self,
        place: &RegistryReference,
        progress: &dyn Progress,
    ) -> Result<Option<Artifact>, ImageError> {
        let name = ImageReference::Registry(place.clone()).to_string();
        match self.registries.manifest(place, progress) {
            Ok((source, ManifestDocument::Image(manifest))) => {
                Ok(Some(Artifact { place: name, source, manifest: *manifest }))
            }
            Ok((_, ManifestDocument::Index(_))) => {
                let reason = "it is an index, and a manifest with blobs is wanted".to_owned();
                Err(ImageError::Malformed { reference: name, reason })
            }
            Err(ImageError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
