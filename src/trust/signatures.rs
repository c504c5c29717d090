//! Where cosign puts signatures of an image, and fetching them: under a tag made of the digest, and among what
//! refers to the manifest (OCI distribution spec 1.1), as simple signing or as a bundle.

use super::bundle::SIGNATURE;
use super::limits::{MAX_BUNDLE_BYTES, MAX_PAYLOAD_BYTES, MAX_REFERRERS, MAX_SIGNATURES};
use crate::image::{
    Artifact, Descriptor, Digest, ImageError, RegistryReference, Transports, WholeArtifact,
};
use crate::progress::Progress;

/// The media type of what a signature signs.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation with the signature of a payload, in base64.
const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// The type of a manifest of signatures that refers to an image.
const SIGNATURES: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";
/// The type of a bundle, and of the manifest that holds one, in all versions.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// The annotation that says what kind of statement a bundle holds.
const PREDICATE_ANNOTATION: &str = "dev.sigstore.bundle.predicateType";

/// A signature as it was found, not checked.
#[derive(Debug)]
pub(super) enum Found {
    /// A payload and its signature in base64.
    Simple { payload: Vec<u8>, signature: String },
    /// A bundle.
    Bundle(Vec<u8>),
    /// Something that is too large to be one, or one of too many.
    Odd(String),
}

/// Where signatures of a digest are looked for, in this order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// The tag `sha256-….sig`.
    Tag,
    /// What refers to the manifest.
    Referrers,
}

/// Fetches the signatures of the manifest `digest` of the image's repository that are at `place`.
pub(super) fn fetch(
    transports: &Transports,
    image: &RegistryReference,
    digest: Digest,
    place: Place,
    progress: &dyn Progress,
) -> Result<Vec<Found>, ImageError> {
    let mut found = Vec::new();
    for artifact in artifacts(transports, image, digest, place, progress)? {
        found.extend(signatures_in(&artifact, progress)?);
    }
    Ok(found)
}

/// Finds the manifests with signatures of the manifest `digest` that are at `place`.
pub(super) fn artifacts(
    transports: &Transports,
    image: &RegistryReference,
    digest: Digest,
    place: Place,
    progress: &dyn Progress,
) -> Result<Vec<Artifact>, ImageError> {
    let names = match place {
        Place::Tag => vec![format!(":sha256-{}.sig", digest.hex())],
        Place::Referrers => referrers(transports, image, digest, progress)?,
    };
    let mut found = Vec::new();
    for name in names {
        let place =
            RegistryReference::in_registry(image.host(), &format!("{}{name}", image.repository()))?;
        found.extend(transports.artifact(&place, progress)?);
    }
    Ok(found)
}

/// The names of the manifests with signatures that refer to the manifest `digest`.
fn referrers(
    transports: &Transports,
    image: &RegistryReference,
    digest: Digest,
    progress: &dyn Progress,
) -> Result<Vec<String>, ImageError> {
    let all = transports.referrers(image, digest, progress)?;
    let signatures = all.iter().filter(|referrer| is_signature(referrer)).take(MAX_REFERRERS);
    Ok(signatures.map(|referrer| format!("@{}", referrer.digest)).collect())
}

fn is_signature(referrer: &Descriptor) -> bool {
    let kind = referrer.artifact_type.as_deref().unwrap_or_default();
    let predicate = referrer.annotation(PREDICATE_ANNOTATION);
    kind == SIGNATURES || kind.starts_with(BUNDLE) && predicate.is_none_or(|it| it == SIGNATURE)
}

/// Fetches the signatures in `artifact`.
fn signatures_in(artifact: &Artifact, progress: &dyn Progress) -> Result<Vec<Found>, ImageError> {
    let mut found = Vec::new();
    for layer in artifact.manifest().layers() {
        let Some(limit) = most_bytes(layer) else { continue };
        if found.len() == MAX_SIGNATURES {
            let place = artifact.place();
            let odd =
                format!("{place} has more than {MAX_SIGNATURES}, and those were not looked at");
            found.push(Found::Odd(odd));
            break;
        }
        match layer.size <= limit {
            true => found.extend(signature(layer, &artifact.read(layer, progress)?)),
            false => {
                found.push(Found::Odd(format!("one has {} bytes, more than {limit}", layer.size)))
            }
        }
    }
    Ok(found)
}

/// The signatures in `whole`, as many as are looked at.
pub(super) fn in_whole(whole: &WholeArtifact) -> Vec<Found> {
    let layers = whole.manifest().layers().iter();
    let found = layers.filter_map(|layer| signature(layer, whole.blob(layer)?));
    found.take(MAX_SIGNATURES).collect()
}

/// Bytes that a layer may have if it holds a signature; `None` for anything else.
fn most_bytes(layer: &Descriptor) -> Option<u64> {
    let is_bundle = layer.media_type.starts_with(BUNDLE);
    let is_simple = layer.media_type == PAYLOAD && layer.annotation(SIGNATURE_ANNOTATION).is_some();
    match (is_bundle, is_simple) {
        (true, _) => Some(MAX_BUNDLE_BYTES),
        (false, true) => Some(MAX_PAYLOAD_BYTES),
        (false, false) => None,
    }
}

/// The signature in a layer that consists of `bytes`; `None` for anything else.
pub(super) fn signature(layer: &Descriptor, bytes: &[u8]) -> Option<Found> {
    most_bytes(layer).filter(|most| bytes.len() as u64 <= *most)?;
    let signature = layer.annotation(SIGNATURE_ANNOTATION).filter(|_| layer.media_type == PAYLOAD);
    Some(match signature {
        Some(signature) => {
            Found::Simple { payload: bytes.to_vec(), signature: signature.to_owned() }
        }
        None => Found::Bundle(bytes.to_vec()),
    })
}
