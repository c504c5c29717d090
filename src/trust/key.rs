//! Public keys that signatures are checked with: ECDSA on P-256 and P-384, Ed25519 and RSA, in PEM form.

use std::path::PathBuf;

use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use webpki::{Error as WebpkiError, RawPublicKeyEntity, ring};

use super::error::TrustError;
use super::key_problem::KeyProblem;
use super::limits::MAX_KEY_BYTES;
use crate::small_file::read_small_file;

/// How keys sign. Signers hash with SHA-256 whatever the curve; newer ones with what the curve is as strong as.
static ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 5] = [
    ring::ECDSA_P256_SHA256,
    ring::ECDSA_P384_SHA256,
    ring::ECDSA_P384_SHA384,
    ring::ED25519,
    ring::RSA_PKCS1_2048_8192_SHA256,
];

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeySource {
    /// In a file.
    File(PathBuf),
    /// In the policy itself.
    Inline(Vec<u8>),
}

/// A key that signatures can be checked with.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// The words for it in messages.
    pub(super) name: String,
    info: SubjectPublicKeyInfoDer<'static>,
}

impl KeySource {
    /// Reads the key.
    pub(super) fn load(&self) -> Result<Key, TrustError> {
        let (name, pem) = match self {
            KeySource::File(path) => {
                let wrong = |source| TrustError::File { path: path.clone(), source };
                let pem = read_small_file(path, MAX_KEY_BYTES).map_err(wrong)?;
                (path.display().to_string(), pem)
            }
            KeySource::Inline(pem) => ("the policy's keyData".to_owned(), pem.clone()),
        };
        match Key::from_pem(&pem) {
            Ok(info) => Ok(Key { name, info }),
            Err(problem) => Err(TrustError::Key { key: name, problem }),
        }
    }
}

impl Key {
    /// Reads a key that can be used.
    fn from_pem(pem: &[u8]) -> Result<SubjectPublicKeyInfoDer<'static>, KeyProblem> {
        let info = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|error| match error {
            PemError::NoItemsFound => other_kind(pem),
            _ => KeyProblem::NotAKey,
        })?;
        let entity = RawPublicKeyEntity::try_from(&info).map_err(|_| KeyProblem::NotAKey)?;
        // No key has made this signature; whether it is refused for the key's kind is what counts.
        let is_for = |algorithm: &dyn SignatureVerificationAlgorithm| {
            entity.verify_signature(algorithm, &[], &[])
                == Err(WebpkiError::InvalidSignatureForPublicKey)
        };
        match ALGORITHMS.into_iter().any(is_for) {
            true => Ok(info),
            false => Err(KeyProblem::Unsupported),
        }
    }

    /// Whether the key has signed `message`.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(entity) = RawPublicKeyEntity::try_from(&self.info) else { return false };
        let is_valid = |algorithm: &dyn SignatureVerificationAlgorithm| {
            entity.verify_signature(algorithm, message, signature).is_ok()
        };
        ALGORITHMS.into_iter().any(is_valid)
    }
}

/// What else a PEM holds that is no public key.
fn other_kind(pem: &[u8]) -> KeyProblem {
    let text = String::from_utf8_lossy(pem);
    let has = |label: &str| {
        text.lines().any(|line| line.starts_with("-----BEGIN ") && line.contains(label))
    };
    match () {
        () if has("PRIVATE KEY-----") => KeyProblem::Private,
        () if has("CERTIFICATE-----") => KeyProblem::Certificate,
        () if has("PUBLIC KEY-----") => KeyProblem::Unsupported,
        () => KeyProblem::NotAKey,
    }
}
