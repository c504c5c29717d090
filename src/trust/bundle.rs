//! Sigstore bundles, the form that cosign 3 gives to signatures: an in-toto statement about a digest in an envelope
//! (DSSE) that a key has signed. A bundle gives the image no name.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::image::Digest;

/// What the envelope holds, by its type.
const STATEMENT: &str = "application/vnd.in-toto+json";

/// The versions of statements (in-toto attestation framework).
const STATEMENT_VERSIONS: [&str; 2] =
    ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];

/// What a statement says of its subject if it is a signature; others say how it was built, or what is in it.
pub(super) const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// A signed statement that has not been checked.
#[derive(Debug)]
pub(super) struct Bundle {
    /// The bytes that are signed.
    pub(super) message: Vec<u8>,
    /// The signatures.
    pub(super) signatures: Vec<Vec<u8>>,
    statement: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stated {
    dsse_envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    version: String,
    subject: Vec<Subject>,
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    digest: BTreeMap<String, String>,
}

impl Bundle {
    /// Reads a bundle; `None` if it is none with a statement.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        let Stated { dsse_envelope: envelope } = serde_json::from_slice(json).ok()?;
        if envelope.payload_type != STATEMENT {
            return None;
        }
        let statement = STANDARD.decode(&envelope.payload).ok()?;
        let decoded = envelope.signatures.iter().map(|signature| STANDARD.decode(&signature.sig));
        let signatures = decoded.collect::<Result<_, _>>().ok()?;
        let message = encoded(&envelope.payload_type, &statement);
        Some(Bundle { message, signatures, statement })
    }

    /// Whether the statement, which the caller has checked, is a signature of what has this digest.
    pub(super) fn signs(&self, digest: Digest) -> bool {
        let Ok(statement) = serde_json::from_slice::<Statement>(&self.statement) else {
            return false;
        };
        let is_it = |subject: &Subject| subject.digest.get("sha256") == Some(&digest.hex());
        STATEMENT_VERSIONS.contains(&statement.version.as_str())
            && statement.predicate_type == SIGNATURE
            && statement.subject.iter().any(is_it)
    }
}

/// What is signed of an envelope (DSSE, "Protocol").
fn encoded(kind: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {kind} {} ", kind.len(), body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
