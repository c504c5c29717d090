//! The target's signatures, as cosign made them: embedded as they are, and read again. Each is a manifest with its blobs;
//! what it covers is the target's manifest, which an artifact has verbatim.

use std::collections::{BTreeMap, BTreeSet};

use super::form::{Form, SIGNATURE, SIGNATURE_CONTENT};
use super::{ArtifactDelta, ArtifactError};
use crate::image::{
    Descriptor, Digest, ManifestDocument, WholeArtifact, media_type, parse_manifest,
};
use crate::pack::BlobId;
use crate::progress::Progress;

/// Blobs of signatures that are read of an artifact. One signature takes three.
const MAX_BLOBS: usize = 192;
/// Bytes of one of these.
const MAX_BLOB_BYTES: u64 = 256 << 10;

/// A blob that brings a signature, as an artifact names it, and its bytes.
pub(super) type SignatureBlob<'a> = (Descriptor, &'a [u8]);

/// Returns the blobs that bring `signatures`, each once, as an artifact of `form` names them. Refuses those that no reader
/// takes.
pub(super) fn blobs<'a>(
    form: &Form,
    signatures: &'a [WholeArtifact],
) -> Result<Vec<SignatureBlob<'a>>, ArtifactError> {
    let noted = |descriptor: Descriptor, content: &str| {
        let annotations = [(form.content.to_owned(), content.to_owned())].into();
        Descriptor { annotations: Some(annotations), ..descriptor }
    };
    let mut blobs: Vec<SignatureBlob<'_>> = Vec::new();
    for signature in signatures {
        let manifest = signature.manifest().bytes();
        let descriptor = BlobId::of(manifest).descriptor(media_type::OCI_MANIFEST);
        blobs.push((noted(descriptor, SIGNATURE), manifest));
        for (blob, bytes) in signature.blobs() {
            let descriptor = BlobId::of(bytes).descriptor(&blob.media_type);
            blobs.push((noted(descriptor, SIGNATURE_CONTENT), bytes));
        }
    }
    let mut seen = BTreeSet::new();
    blobs.retain(|(blob, _)| seen.insert(blob.digest));
    refuse_too_many(&blobs)?;
    Ok(blobs)
}

fn refuse_too_many(blobs: &[SignatureBlob<'_>]) -> Result<(), ArtifactError> {
    if let Some((large, _)) = blobs.iter().find(|(blob, _)| blob.size > MAX_BLOB_BYTES) {
        let problem = format!("a blob of them has {} bytes, over {MAX_BLOB_BYTES}", large.size);
        return Err(ArtifactError::Signatures(problem));
    }
    match blobs.len() > MAX_BLOBS {
        true => Err(ArtifactError::Signatures(format!(
            "they are {} blobs, over {MAX_BLOBS}",
            blobs.len()
        ))),
        false => Ok(()),
    }
}

impl ArtifactDelta {
    /// Reads the signatures that the artifact brings: manifests with those of their blobs that are in there. Nothing is
    /// known of them but that digests are right.
    ///
    /// # Errors
    /// If a blob of one cannot be read, is too large to be part of a signature, or is none.
    pub fn signatures(&self, progress: &dyn Progress) -> Result<Vec<WholeArtifact>, ArtifactError> {
        let contents = self.signature_blobs(SIGNATURE_CONTENT, progress)?;
        let mut signatures = Vec::new();
        for bytes in self.signature_blobs(SIGNATURE, progress)?.values() {
            let parsed = parse_manifest(bytes, Some(media_type::OCI_MANIFEST));
            let Ok(ManifestDocument::Image(manifest)) = parsed else {
                return Err(self.malformed(format!("its {SIGNATURE} is no manifest")));
            };
            let named = [manifest.config()].into_iter().chain(manifest.layers());
            let found = named.filter_map(|blob| Some((blob.digest, contents.get(&blob.digest)?)));
            let blobs = found.map(|(digest, bytes)| (digest, bytes.clone())).collect();
            signatures.push(WholeArtifact::new(*manifest, blobs));
        }
        Ok(signatures)
    }

    /// The blobs that are `content`, by their digests.
    fn signature_blobs(
        &self,
        content: &str,
        progress: &dyn Progress,
    ) -> Result<BTreeMap<Digest, Vec<u8>>, ArtifactError> {
        let mut found = BTreeMap::new();
        for (number, blob) in self.blobs_that_are(content) {
            if blob.size > MAX_BLOB_BYTES {
                return Err(self.malformed(format!("its {content} has {} bytes", blob.size)));
            }
            if found.len() == MAX_BLOBS {
                let problem = format!("it has more than {MAX_BLOBS} blobs that are {content}");
                return Err(self.malformed(problem));
            }
            found.insert(blob.digest, self.read_blob(number, progress)?);
        }
        Ok(found)
    }
}
