//! A small artifact with all that it names, in memory: what is taken along as it is.

use std::collections::BTreeMap;

use super::{Descriptor, Digest, Manifest};

/// A manifest with its blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeArtifact {
    manifest: Manifest,
    blobs: BTreeMap<Digest, Vec<u8>>,
}

impl WholeArtifact {
    /// Puts `manifest` and `blobs` together, which have been checked against their digests. Blobs may be missing.
    pub(crate) fn new(manifest: Manifest, blobs: BTreeMap<Digest, Vec<u8>>) -> Self {
        WholeArtifact { manifest, blobs }
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bytes of a blob that the manifest names; `None` if they are not there.
    pub fn blob(&self, blob: &Descriptor) -> Option<&[u8]> {
        self.blobs.get(&blob.digest).map(Vec::as_slice)
    }

    /// The blobs that the manifest names and that are there, each once: its config, then its layers.
    pub(crate) fn blobs(&self) -> Vec<(&Descriptor, &[u8])> {
        let named = [self.manifest.config()].into_iter().chain(self.manifest.layers());
        let mut found: Vec<(&Descriptor, &[u8])> = Vec::new();
        for blob in named {
            if let Some(bytes) = self.blob(blob)
                && !found.iter().any(|(other, _)| other.digest == blob.digest)
            {
                found.push((blob, bytes));
            }
        }
        found
    }
}
