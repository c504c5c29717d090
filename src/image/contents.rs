//! An image that is to be written.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use super::blob_reader::BlobReader;
use super::stored_layer::StoredLayer;
use super::{
    Descriptor, Digest, ImageError, Manifest, ManifestDocument, RegistryReference, parse_config,
    parse_manifest,
};

/// Everything an image consists of.
#[derive(Debug, Clone)]
pub struct ImageContents {
    /// The manifest, byte for byte. Not written into a docker archive.
    pub manifest: Vec<u8>,
    /// The manifest's media type.
    pub manifest_media_type: String,
    /// The config, byte for byte.
    pub config: Vec<u8>,
    /// The layers, bottom first. Plain tars if
    /// [`ImageReference::holds_plain_layers`](super::ImageReference::holds_plain_layers).
    pub layers: Vec<Blob>,
    /// Repositories whose blobs may be mounted instead of uploaded, if they are of the same registry.
    pub mount_from: Vec<RegistryReference>,
}

/// A blob that is to be written.
#[derive(Debug, Clone)]
pub struct Blob {
    /// The blob's digest.
    pub digest: Digest,
    /// The blob's length in bytes.
    pub size: u64,
    /// Where its bytes are.
    pub data: BlobData,
}

/// Where the bytes of a [`Blob`] are.
#[derive(Debug, Clone)]
pub enum BlobData {
    /// In a file of its own, that stays until the image is written.
    File(PathBuf),
    /// In memory; for small blobs.
    Bytes(Vec<u8>),
    /// A layer of an opened image, read from there when it is written.
    Stored(StoredLayer),
}

impl Blob {
    /// A blob of bytes in memory.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Blob { digest: Digest::of(&bytes), size: bytes.len() as u64, data: BlobData::Bytes(bytes) }
    }

    /// The blob's bytes, checked: what is published is what was made, even if the file was tampered
    /// with meanwhile.
    pub(super) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let bytes: Box<dyn Read + Send> = match &self.data {
            BlobData::File(path) => {
                Box::new(File::open(path).map_err(ImageError::file("open", path))?)
            }
            BlobData::Bytes(bytes) => Box::new(io::Cursor::new(bytes.clone())),
            BlobData::Stored(layer) => layer.open()?,
        };
        Ok(Box::new(BlobReader::new(bytes, self.digest, self.size, "the image to be written")))
    }

    fn is(&self, descriptor: &Descriptor) -> bool {
        (self.digest, self.size) == (descriptor.digest, descriptor.size)
    }
}

impl ImageContents {
    /// The blobs of a place that keeps a manifest: config, then layers.
    pub(super) fn blobs(&self) -> Vec<Blob> {
        let config = Blob::from_bytes(self.config.clone());
        std::iter::once(config).chain(self.layers.iter().cloned()).collect()
    }

    /// The same with the manifest, first, for a place that keeps it among the blobs.
    pub(super) fn blobs_with_manifest(&self) -> Vec<Blob> {
        let manifest = Blob::from_bytes(self.manifest.clone());
        std::iter::once(manifest).chain(self.blobs()).collect()
    }

    /// Checks that the manifest names exactly these blobs, and gives it.
    pub(super) fn check_manifest(&self) -> Result<Manifest, ImageError> {
        let parsed = parse_manifest(&self.manifest, Some(&self.manifest_media_type));
        let Ok(ManifestDocument::Image(manifest)) = parsed else {
            return Err(ImageError::contents("the manifest is not an image manifest"));
        };
        let blobs = self.blobs();
        let named = || std::iter::once(manifest.config()).chain(manifest.layers());
        if named().count() != blobs.len()
            || !named().zip(&blobs).all(|(named, blob)| blob.is(named))
        {
            return Err(ImageError::contents("the manifest does not name its blobs"));
        }
        Ok(*manifest)
    }

    /// Checks that whoever reads the image finds manifest and config within the limits for those.
    ///
    /// # Errors
    /// What a reader would say of the image.
    pub(crate) fn check_readable(&self) -> Result<(), ImageError> {
        let reference = || "the image to be written".to_owned();
        parse_manifest(&self.manifest, Some(&self.manifest_media_type))
            .map_err(|source| ImageError::Manifest { reference: reference(), source })?;
        parse_config(&self.config)
            .map_err(|source| ImageError::Config { reference: reference(), source })?;
        Ok(())
    }

    /// Checks that the layers are the plain tars that the config names.
    pub(super) fn check_plain_layers(&self) -> Result<(), ImageError> {
        let config = parse_config(&self.config);
        let config = config.map_err(|error| ImageError::contents(error.to_string()))?;
        if config.diff_ids().iter().map(|id| id.0).eq(self.layers.iter().map(|layer| layer.digest))
        {
            Ok(())
        } else {
            Err(ImageError::Unsuitable {
                reference: "the image to be written".to_owned(),
                reason: "its layers are compressed, and a docker archive takes them as they unpack"
                    .to_owned(),
            })
        }
    }
}
