//! An image that is to be written.

use std::path::PathBuf;

use super::{Digest, RegistryReference};

/// Everything an image consists of.
#[derive(Debug, Clone)]
pub struct ImageContents {
    /// The manifest, byte for byte. Not written into a docker archive.
    pub manifest: Vec<u8>,
    /// The manifest's media type.
    pub manifest_media_type: String,
    /// The config, byte for byte.
    pub config: Vec<u8>,
    /// The layers, bottom first. Plain tars where
    /// [`ImageReference::holds_plain_layers`](super::ImageReference::holds_plain_layers).
    pub layers: Vec<Blob>,
    /// Repositories whose blobs may be mounted instead of uploaded, where they are of the same
    /// registry.
    pub mount_from: Vec<RegistryReference>,
}

/// A layer blob that is to be written.
#[derive(Debug, Clone)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
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
}

impl Blob {
    /// A blob of bytes in memory.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Blob { digest: Digest::of(&bytes), size: bytes.len() as u64, data: BlobData::Bytes(bytes) }
    }
}
