//! An image that has been opened: its manifest and config in memory, its layers still where they are.

use std::io::Read;
use std::sync::Arc;

use super::blob_reader::BlobReader;
use super::stored_layer::{LayerSource, StoredLayer};
use super::{
    Blob, BlobData, Descriptor, DiffId, Digest, ImageConfig, ImageError, ImageId, ImageReference,
    Manifest, ManifestError, Platform, media_type,
};

/// An opened image. Cheap to clone.
#[derive(Clone)]
pub struct Image {
    pub(super) reference: ImageReference,
    pub(super) manifest: Option<Manifest>,
    pub(super) config: ImageConfig,
    pub(super) layers: Arc<dyn LayerSource>,
    /// The digest of what the reference stands for, a manifest or an index that led here.
    pub(super) named: Option<Digest>,
}

impl Image {
    /// An image that is known already, and whose layers are wherever `layers` has them.
    pub(crate) fn known(
        reference: ImageReference,
        manifest: Option<Manifest>,
        config: ImageConfig,
        layers: Arc<dyn LayerSource>,
    ) -> Self {
        let named = manifest.as_ref().map(Manifest::digest);
        Image { reference, manifest, config, layers, named }
    }

    /// The reference it was opened by.
    pub fn reference(&self) -> &ImageReference {
        &self.reference
    }

    /// The platform that the config names. An engine's v3 delta names none.
    pub fn platform(&self) -> Option<Platform> {
        self.config.platform()
    }

    /// The manifest; a docker archive has none.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// The digest of what the reference stood for when it was opened: the manifest, or an index that led to it. `None` if
    /// nothing there had one.
    pub fn named_digest(&self) -> Option<Digest> {
        self.named
    }

    /// The type of the artifact that it is, if it is no image but an artifact that
    /// [`Transports::open_any`](super::Transports::open_any) gave.
    pub fn artifact_type(&self) -> Option<&str> {
        let manifest = self.manifest.as_ref().filter(|manifest| manifest.is_of_artifact())?;
        Some(manifest.artifact_type().unwrap_or_default())
    }

    /// Refuses what is an artifact where an image is wanted.
    ///
    /// # Errors
    /// [`ImageError::Manifest`] if it is an artifact.
    pub fn refuse_artifact(&self) -> Result<(), ImageError> {
        let Some(artifact_type) = self.artifact_type() else { return Ok(()) };
        let source = match artifact_type {
            "" => ManifestError::Artifact(media_type::OCI_EMPTY.to_owned()),
            named => ManifestError::MediaType(named.chars().take(100).collect()),
        };
        Err(ImageError::Manifest { reference: self.reference.to_string(), source })
    }

    /// The config.
    pub fn config(&self) -> &ImageConfig {
        &self.config
    }

    /// The image ID: the digest of the config.
    pub fn id(&self) -> ImageId {
        self.config.id()
    }

    /// How many layers it has.
    pub fn layer_count(&self) -> usize {
        self.layers.count()
    }

    /// The layers' diff IDs, bottom first.
    ///
    /// # Errors
    /// [`ImageError::Malformed`] if the config names more or fewer than there are layers.
    pub fn diff_ids(&self) -> Result<&[DiffId], ImageError> {
        let diff_ids = self.config.diff_ids();
        if diff_ids.len() != self.layer_count() {
            return Err(ImageError::Malformed {
                reference: self.reference.to_string(),
                reason: format!(
                    "the config names {} layers but there are {}",
                    diff_ids.len(),
                    self.layer_count()
                ),
            });
        }
        Ok(diff_ids)
    }

    /// Bytes that a pull of the layer fetches: the size of its blob. `None` in a docker archive, which
    /// nothing is pulled from.
    pub fn pull_size(&self, layer: usize) -> Option<u64> {
        self.layers.descriptor(layer).map(|descriptor| descriptor.size)
    }

    /// The layer where it is, to be written elsewhere.
    pub(crate) fn stored_layer(&self, layer: usize) -> StoredLayer {
        StoredLayer::new(Arc::clone(&self.layers), layer)
    }

    /// The layer's blob as it is, to be written elsewhere. `None` where the place keeps no digests.
    pub(crate) fn layer_blob(&self, layer: usize) -> Option<Blob> {
        let descriptor = self.layers.descriptor(layer)?;
        let data = BlobData::Stored(self.stored_layer(layer));
        Some(Blob { digest: descriptor.digest, size: descriptor.size, data })
    }

    /// The layer's descriptor, where the place keeps one.
    pub(crate) fn layer_descriptor(&self, layer: usize) -> Option<&Descriptor> {
        self.layers.descriptor(layer)
    }

    /// Bytes of the layer as it is stored, compressed or not.
    pub(crate) fn stored_size(&self, layer: usize) -> u64 {
        self.layers.stored_size(layer)
    }

    /// Bytes of all layers as they are stored.
    pub(crate) fn stored_bytes(&self) -> u64 {
        (0..self.layer_count()).map(|layer| self.stored_size(layer)).fold(0, u64::saturating_add)
    }

    /// The layer's stored bytes, compressed or not ([`super::decompress`] tells).
    ///
    /// Digest and length are checked if the image has a manifest: the reader then fails at its end
    /// instead of ending ([`ImageError::from_read`] gives the cause back). May be called from
    /// several threads at once.
    ///
    /// # Errors
    /// If the layer is encrypted, or cannot be had from where the image lives.
    ///
    /// # Panics
    /// If the image has no layer of that number.
    pub fn open_layer(&self, layer: usize) -> Result<Box<dyn Read + Send>, ImageError> {
        self.layers.open(layer)
    }

    /// The same bytes, of which the first `known` are read from `start` and only the rest is fetched. `None` where
    /// the image lives near by: read all of it there.
    ///
    /// # Errors
    /// As [`open_layer`](Self::open_layer).
    pub(crate) fn open_layer_after(
        &self,
        layer: usize,
        start: Box<dyn Read + Send>,
        known: u64,
    ) -> Result<Option<Box<dyn Read + Send>>, ImageError> {
        let Some(descriptor) = self.layers.descriptor(layer) else { return Ok(None) };
        let Some(rest) = self.layers.open_rest(layer, known)? else { return Ok(None) };
        let (digest, size) = (descriptor.digest, descriptor.size);
        let all = start.take(known).chain(rest);
        Ok(Some(Box::new(BlobReader::new(all, digest, size, self.reference.to_string()))))
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Image")
            .field("reference", &self.reference)
            .field("id", &self.id())
            .field("layers", &self.layer_count())
            .finish_non_exhaustive()
    }
}
