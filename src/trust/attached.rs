//! The signatures of an image as they are, for whoever takes them along, and what they state. Nothing is checked here: a
//! signature proves something only to who has the key.

use super::bundle::Bundle;
use super::payload::Payload;
use super::signatures::{Found, Place, artifacts, signature};
use crate::image::{Digest, ImageError, RegistryReference, Transports, WholeArtifact};
use crate::progress::Progress;

/// Returns the manifests with signatures of the manifest `digest`, which is in the repository of `image`, ordered by their
/// digests: those under the tag that cosign gives them, and those that refer to the manifest.
///
/// # Errors
/// If the registry does not answer, or what it has there is damaged or too large to be a signature.
pub fn attached_signatures(
    transports: &Transports,
    image: &RegistryReference,
    digest: Digest,
    progress: &dyn Progress,
) -> Result<Vec<WholeArtifact>, ImageError> {
    let mut attached: Vec<WholeArtifact> = Vec::new();
    for place in [Place::Tag, Place::Referrers] {
        for artifact in artifacts(transports, image, digest, place, progress)? {
            attached.push(artifact.whole(progress)?);
        }
    }
    attached.sort_by_key(|signature| signature.manifest().digest());
    attached.dedup();
    Ok(attached)
}

/// What a signature states.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statement {
    /// Whether it is about the manifest in question.
    pub is_about: bool,
    /// The name that it gives to the image; `None` of a bundle, which gives none.
    pub name: Option<String>,
}

/// Returns what the signatures in `attached` state of the manifest `digest`. What is no signature is passed over.
pub fn statements(attached: &WholeArtifact, digest: Digest) -> Vec<Statement> {
    let of_layer = |layer| statement(signature(layer, attached.blob(layer)?)?, digest);
    attached.manifest().layers().iter().filter_map(of_layer).collect()
}

fn statement(found: Found, digest: Digest) -> Option<Statement> {
    match found {
        Found::Simple { payload, .. } => {
            let payload = Payload::parse(&payload)?;
            Some(Statement { is_about: payload.digest == digest, name: Some(payload.name) })
        }
        Found::Bundle(bundle) => {
            let bundle = Bundle::parse(&bundle)?;
            Some(Statement { is_about: bundle.signs(digest), name: None })
        }
        Found::Odd(_) => None,
    }
}
