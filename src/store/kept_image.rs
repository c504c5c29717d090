//! An image that the store knows by name, and its layers there.

use std::io::Read;
use std::sync::Arc;
use std::time::SystemTime;

use super::kept_layer::KeptLayer;
use super::recipe::recipe_size;
use super::{Store, StoreError};
use crate::image::{
    Descriptor, DiffId, Digest, Image, ImageConfig, ImageError, ImageId, ImageReference,
    LayerSource, Manifest, RegistryReference,
};

/// An image that the store knows by name: what it is, not its layers, which may have gone.
#[derive(Debug, Clone)]
pub struct KeptImage {
    pub(super) reference: ImageReference,
    pub(super) manifest: Option<Manifest>,
    pub(super) config: ImageConfig,
    pub(super) pulled: SystemTime,
}

impl KeptImage {
    /// The name that it is known by: where it came from.
    pub fn reference(&self) -> &ImageReference {
        &self.reference
    }

    /// Returns where the image can be had again: by its digest, since the tag may lead to another one by now.
    pub fn source(&self) -> ImageReference {
        let digest = self.manifest.as_ref().map(Manifest::digest);
        by_digest(self.reference.clone(), digest)
    }

    /// The manifest that it had there; an image out of a docker archive or engine had none.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// The config.
    pub fn config(&self) -> &ImageConfig {
        &self.config
    }

    /// The image ID: the digest of the config.
    pub fn id(&self) -> ImageId {
        self.config.id()
    }

    /// When it was last pulled, in whole seconds.
    pub fn pulled(&self) -> SystemTime {
        self.pulled
    }
}

impl Store {
    /// Returns the image with its layers as they are there; `None` if the store does not have all of them.
    ///
    /// # Errors
    /// If a layer's file cannot be opened, locked or mapped.
    pub fn open_kept(&self, kept: &KeptImage) -> Result<Option<Image>, StoreError> {
        let mut layers = Vec::with_capacity(kept.config.diff_ids().len());
        for diff_id in kept.config.diff_ids() {
            match self.kept_layer(*diff_id)? {
                Some(layer) => layers.push(layer),
                None => return Ok(None),
            }
        }
        let KeptImage { reference, manifest, config, .. } = kept.clone();
        Ok(Some(stored_image(reference, manifest, config, layers)))
    }

    /// Bytes of the image's layers that the store has, and whether these are all.
    pub fn size_of_kept(&self, kept: &KeptImage) -> (u64, bool) {
        let sizes = kept.config.diff_ids().iter().map(|diff_id| self.layer_size(diff_id));
        sizes.fold((0, true), |(bytes, whole), size| {
            (bytes.saturating_add(size.unwrap_or(0)), whole && size.is_some())
        })
    }

    /// Bytes of the layer, if it is there. Looking is no use of it, as collection counts uses.
    fn layer_size(&self, diff_id: &DiffId) -> Option<u64> {
        let tar = std::fs::symlink_metadata(self.layer_path(diff_id)).ok().map(|file| file.len());
        tar.or_else(|| recipe_size(&self.recipe_path(diff_id)))
    }
}

/// The image in a registry by its digest, if it has one.
pub(crate) fn by_digest(reference: ImageReference, digest: Option<Digest>) -> ImageReference {
    let (ImageReference::Registry(registry), Some(digest)) = (&reference, digest) else {
        return reference;
    };
    let name = format!("{}@{digest}", registry.repository());
    match RegistryReference::in_registry(registry.host(), &name) {
        Ok(found) => ImageReference::Registry(found),
        Err(_) => reference,
    }
}

/// The image whose layers are `layers`.
pub(super) fn stored_image(
    reference: ImageReference,
    manifest: Option<Manifest>,
    config: ImageConfig,
    layers: Vec<KeptLayer>,
) -> Image {
    Image::known(reference, manifest, config, Arc::new(StoredLayers(layers)))
}

/// The layers of an image in the store: plain tars.
struct StoredLayers(Vec<KeptLayer>);

impl LayerSource for StoredLayers {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn descriptor(&self, _index: usize) -> Option<&Descriptor> {
        None
    }

    fn stored_size(&self, index: usize) -> u64 {
        self.0[index].size()
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + Send>, ImageError> {
        Ok(self.0[index].read())
    }
}
