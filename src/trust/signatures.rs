//! Where cosign puts signatures of an image, and fetching them: under a tag made of the digest, and among what
//! refers to the manifest (OCI distribution spec 1.1), as simple signing or as a bundle.

use super::bundle::SIGNATURE;
use super::limits::{MAX_BUNDLE_BYTES, MAX_PAYLOAD_BYTES, MAX_REFERRERS, MAX_SIGNATURES};
use crate::image::{Artifact, Descriptor, Digest, ImageError, RegistryReference, Transports};
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
    match place {
        Place::Tag => at(transports, image, &format!(":sha256-{}.sig", digest.hex()), progress),
        Place::Referrers => referrers(transports, image, digest, progress),
    }
}

fn referrers(
    transports: &Transports,
    image: &RegistryReference,
    digest: Digest,
    progress: &dyn Progress,
) -> Result<Vec<Found>, ImageError> {
    let all = transports.referrers(image, digest)?;
    let mut found = Vec::new();
    for referrer in all.iter().filter(|referrer| is_signature(referrer)).take(MAX_REFERRERS) {
        found.extend(at(transports, image, &format!("@{}", referrer.digest), progress)?);
    }
    Ok(found)
}

fn is_signature(referrer: &Descriptor) -> bool {
    let kind = referrer.artifact_type.as_deref().unwrap_or_default();
    let predicate = referrer.annotation(PREDICATE_ANNOTATION);
    kind == SIGNATURES || kind.starts_with(BUNDLE) && predicate.is_none_or(|it| it == SIGNATURE)
}

/// The signatures in the manifest that is called `name` in the image's repository.
fn at(
    transports: &Transports,
    image: &RegistryReference,
    name: &str,
    progress: &dyn Progress,
) -> Result<Vec<Found>, ImageError> {
    let place =
        RegistryReference::in_registry(image.host(), &format!("{}{name}", image.repository()))?;
    let Some(artifact) = transports.artifact(&place, progress)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for layer in artifact.manifest().layers() {
        if found.len() == MAX_SIGNATURES {
            let odd =
                format!("{place} has more than {MAX_SIGNATURES}, and those were not looked at");
            found.push(Found::Odd(odd));
            break;
        }
        found.extend(signature(&artifact, layer, progress)?);
    }
    Ok(found)
}

/// The signature in a layer; `None` for anything else.
fn signature(
    artifact: &Artifact,
    layer: &Descriptor,
    progress: &dyn Progress,
) -> Result<Option<Found>, ImageError> {
    let is_bundle = layer.media_type.starts_with(BUNDLE);
    let signature = layer.annotation(SIGNATURE_ANNOTATION).filter(|_| layer.media_type == PAYLOAD);
    if !is_bundle && signature.is_none() {
        return Ok(None);
    }
    let limit = if is_bundle { MAX_BUNDLE_BYTES } else { MAX_PAYLOAD_BYTES };
    if layer.size > limit {
        let odd = format!("one has {} bytes, more than {limit}", layer.size);
        return Ok(Some(Found::Odd(odd)));
    }
    let bytes = artifact.read(layer, progress)?;
    Ok(Some(match signature {
        Some(signature) => Found::Simple { payload: bytes, signature: signature.to_owned() },
        None => Found::Bundle(bytes),
    }))
}
