//! What a cosign signature signs: the JSON of "simple signing", a name and a digest. Read after the signature has
//! been checked, and strictly: a payload with anything else in its critical part is none.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::object::Object;
use crate::image::Digest;

/// What `critical.type` says.
const KIND: &str = "cosign container image signature";

/// What a signature says of an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Payload {
    /// The name of the image, or of its repository.
    pub(super) name: String,
    /// The digest of its manifest or index.
    pub(super) digest: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    critical: Object<Critical>,
    /// The signer's own notes, or `null`.
    #[serde(rename = "optional")]
    _optional: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: Object<Image>,
    identity: Object<Identity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Identity {
    docker_reference: String,
}

impl Payload {
    /// Reads a payload; `None` if it is none of an image's signature.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        let stated: Object<Stated> = serde_json::from_slice(json).ok()?;
        let Stated { critical: Object(critical), _optional } = stated.0;
        let Critical { kind, image: Object(image), identity: Object(identity) } = critical;
        let Image { docker_manifest_digest: digest } = image;
        (kind == KIND).then_some(Payload { name: identity.docker_reference, digest })
    }
}
