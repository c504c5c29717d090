//! One verification key, whatever file it came in: checked against the pinned algorithm, and named.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::agreement::{self, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use sha2::{Digest as _, Sha256};
use x509_cert::der::asn1::{ObjectIdentifier, Uint};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::TokenAlgorithm;

/// Elliptic curve keys (RFC 5480, section 2.1.1).
pub(super) const EC_PUBLIC_KEY: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// The curve P-256, alias secp256r1 (RFC 5480, section 2.1.1.1).
pub(super) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// The curve P-384, alias secp384r1 (RFC 5480, section 2.1.1.1).
pub(super) const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// RSA keys (RFC 3279, section 2.3.1).
pub(super) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// Ed25519 keys (RFC 8410, section 3).
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Shorter moduli are in reach of factoring (RFC 7518, section 3.3), longer ones only cost
/// time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// What of the hash a key's ID holds: 240 bits (docs/openbalena.md, "Tokens").
const KEY_ID_BYTES: usize = 30;

/// A public key that tokens of the pinned algorithm can be verified with.
pub(super) struct PublicKey {
    id: String,
    /// The `kid` that its JWKS gives it.
    given_id: Option<String>,
    key: UnparsedPublicKey<Vec<u8>>,
}

/// Why a key cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyProblem {
    /// A sound key, of another kind than the algorithm needs.
    OtherKind(String),
    /// No sound key.
    Broken(String),
}

/// The kinds of keys that some algorithm needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    P256,
    P384,
    Rsa,
    Ed25519,
    Other,
}

impl PublicKey {
    /// The key in this structure (RFC 5280, section 4.1.2.7).
    pub(super) fn new(
        info: &SubjectPublicKeyInfoOwned,
        algorithm: TokenAlgorithm,
    ) -> Result<Self, KeyProblem> {
        let kind = KeyKind::of(info);
        let (needed, verification) = needs(algorithm);
        if kind != needed {
            return Err(KeyProblem::OtherKind(format!(
                "holds a key for {kind}, but {algorithm} needs one for {needed}"
            )));
        }
        let broken = |_| KeyProblem::Broken(format!("holds a broken key for {kind}"));
        let bytes = info.subject_public_key.raw_bytes();
        check(kind, bytes)?;
        let key = UnparsedPublicKey::new(verification, bytes.to_vec());
        let der = info.to_der().map_err(|error| broken(error.to_string()))?;
        Ok(PublicKey { id: key_id(&der), given_id: None, key })
    }

    /// The same key under a second name.
    pub(super) fn also_called(self, given_id: Option<String>) -> Self {
        PublicKey { given_id, ..self }
    }

    /// Whether a token that names this key means it.
    pub(super) fn is_called(&self, id: &str) -> bool {
        self.id == id || self.given_id.as_deref() == Some(id)
    }

    /// Whether this is our signature (base64url) of the message.
    pub(super) fn verifies(&self, message: &str, signature: &str) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(signature);
        signature.is_ok_and(|bytes| self.key.verify(message.as_bytes(), &bytes).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", self.id)
    }
}

impl KeyKind {
    fn of(info: &SubjectPublicKeyInfoOwned) -> Self {
        let curve = || {
            let parameters = info.algorithm.parameters.as_ref()?;
            parameters.decode_as::<ObjectIdentifier>().ok()
        };
        match info.algorithm.oid {
            EC_PUBLIC_KEY if curve() == Some(P256) => KeyKind::P256,
            EC_PUBLIC_KEY if curve() == Some(P384) => KeyKind::P384,
            RSA => KeyKind::Rsa,
            ED25519 => KeyKind::Ed25519,
            _ => KeyKind::Other,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            KeyKind::P256 => "ECDSA on P-256",
            KeyKind::P384 => "ECDSA on P-384",
            KeyKind::Rsa => "RSA",
            KeyKind::Ed25519 => "Ed25519",
            KeyKind::Other => "something else",
        })
    }
}

/// The kind of key that an algorithm takes, and how its signatures are checked (RFC 7518, section 3:
/// those of ECDSA are two numbers of fixed length).
fn needs(algorithm: TokenAlgorithm) -> (KeyKind, &'static dyn VerificationAlgorithm) {
    match algorithm {
        TokenAlgorithm::Es256 => (KeyKind::P256, &signature::ECDSA_P256_SHA256_FIXED),
        TokenAlgorithm::Es384 => (KeyKind::P384, &signature::ECDSA_P384_SHA384_FIXED),
        TokenAlgorithm::Rs256 => (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA256),
        TokenAlgorithm::Rs384 => (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA384),
        TokenAlgorithm::Rs512 => (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA512),
        TokenAlgorithm::Ps256 => (KeyKind::Rsa, &signature::RSA_PSS_2048_8192_SHA256),
        TokenAlgorithm::Ps384 => (KeyKind::Rsa, &signature::RSA_PSS_2048_8192_SHA384),
        TokenAlgorithm::Ps512 => (KeyKind::Rsa, &signature::RSA_PSS_2048_8192_SHA512),
        TokenAlgorithm::EdDsa => (KeyKind::Ed25519, &signature::ED25519),
    }
}

/// Finds keys that verify nothing, which would show only when the first device is refused.
fn check(kind: KeyKind, bytes: &[u8]) -> Result<(), KeyProblem> {
    let broken = |what: String| Err(KeyProblem::Broken(format!("holds a broken key for {what}")));
    match kind {
        KeyKind::Rsa => check_rsa(bytes),
        KeyKind::P256 if !is_point(&agreement::ECDH_P256, bytes) => broken(kind.to_string()),
        KeyKind::P384 if !is_point(&agreement::ECDH_P384, bytes) => broken(kind.to_string()),
        // RFC 8032, section 5.1.5.
        KeyKind::Ed25519 if bytes.len() != 32 => {
            Err(KeyProblem::Broken("holds an Ed25519 key of a wrong length".to_owned()))
        }
        KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519 | KeyKind::Other => Ok(()),
    }
}

/// Whether the bytes are a point on the curve. A key agreement is the one thing that fails at others
/// and at nothing else.
fn is_point(curve: &'static agreement::Algorithm, bytes: &[u8]) -> bool {
    let random = SystemRandom::new();
    EphemeralPrivateKey::generate(curve, &random).is_ok_and(|own| {
        let peer = agreement::UnparsedPublicKey::new(curve, bytes);
        agreement::agree_ephemeral(own, &peer, |_| ()).is_ok()
    })
}

/// RFC 8017, appendix A.1.1: a sequence of the two numbers modulus and exponent.
fn check_rsa(bytes: &[u8]) -> Result<(), KeyProblem> {
    let broken = || KeyProblem::Broken("holds a broken RSA key".to_owned());
    let numbers = Vec::<Uint>::from_der(bytes).map_err(|_| broken())?;
    let [modulus, exponent] = numbers.as_slice() else { return Err(broken()) };
    let bits = bits(modulus);
    if !RSA_BITS.contains(&bits) {
        let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
        let problem = format!("holds an RSA key of {bits} bits, not of {least} to {most}");
        return Err(KeyProblem::Broken(problem));
    }
    // The numbers that our RSA takes: odd, from 3 to 2^33 - 1; larger ones only cost time.
    let odd = |number: &Uint| number.as_bytes().last().is_some_and(|byte| byte % 2 == 1);
    let sound = odd(modulus) && odd(exponent) && (2..=33).contains(&self::bits(exponent));
    if sound { Ok(()) } else { Err(broken()) }
}

fn bits(number: &Uint) -> usize {
    let bytes = number.as_bytes();
    let unused = bytes.first().map_or(0, |byte| byte.leading_zeros() as usize);
    bytes.len() * 8 - unused
}

/// What openBalena calls a key: the first 240 bits of the SHA-256 of its DER, in base32, in groups
/// of four characters.
fn key_id(der: &[u8]) -> String {
    let text = base32(&Sha256::digest(der)[..KEY_ID_BYTES]);
    let groups: Vec<&str> = (0..text.len()).step_by(4).map(|at| &text[at..at + 4]).collect();
    groups.join(":")
}

/// RFC 4648, section 6, for whole groups of five bytes.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len() / 5 * 8);
    for group in bytes.chunks_exact(5) {
        let bits = group.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            text.push(char::from(ALPHABET[(bits >> (5 * place)) as usize & 31]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_the_rfc() {
        assert_eq!(base32(b""), "");
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
        assert_eq!(base32(&[0xff; 10]), "7".repeat(16));
    }

    #[test]
    fn a_key_id_has_twelve_groups() {
        let id = key_id(b"");
        assert_eq!(id.len(), 59);
        assert!(id.split(':').all(|group| group.len() == 4), "{id}");
        assert!(id.starts_with("4OYM:IQUY"), "{id}");
    }
}
