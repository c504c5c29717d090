//! An API for tests: it has keys, writes them to files, and signs tokens.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use super::{TokenAlgorithm, TokenSettings};

pub(super) const ISSUER: &str = "api.example.com";
pub(super) const AUDIENCE: &str = "registry.example.com";
pub(super) const SOURCE: &str = "v2/0123456789abcdef0123456789abcdef";
pub(super) const TARGET: &str = "v2/fedcba9876543210fedcba9876543210";

/// One signing key on P-256.
pub(super) struct Issuer {
    pair: KeyPair,
}

impl Issuer {
    pub(super) fn new() -> Self {
        Issuer { pair: KeyPair::generate().expect("a key") }
    }

    pub(super) fn public_key_pem(&self) -> String {
        self.pair.public_key_pem()
    }

    pub(super) fn private_key_pem(&self) -> String {
        self.pair.serialize_pem()
    }

    pub(super) fn public_key_der(&self) -> Vec<u8> {
        self.pair.subject_public_key_info()
    }

    pub(super) fn certificate_pem(&self) -> String {
        let parameters = CertificateParams::new(vec![ISSUER.to_owned()]).expect("a name");
        parameters.self_signed(&self.pair).expect("a certificate").pem()
    }

    pub(super) fn jwk(&self, kid: Option<&str>) -> Value {
        let (x, y) = self.pair.public_key_raw()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid })
    }

    /// A token with this header and these claims, signed with ES256 whatever the header says.
    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_message(&message(header, claims))
    }

    /// A message and its signature with ES256.
    pub(super) fn sign_message(&self, message: &str) -> String {
        let random = SystemRandom::new();
        let (algorithm, key) = (&ECDSA_P256_SHA256_FIXED_SIGNING, self.pair.serialize_der());
        let key = EcdsaKeyPair::from_pkcs8(algorithm, &key, &random).expect("a key");
        signed(message, key.sign(&random, message.as_bytes()).expect("signed").as_ref())
    }

    /// A token as the API gives it.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": "ES256", "typ": "JWT" }), claims)
    }

    /// Settings that take this issuer's tokens, with its certificate in a file of this folder.
    pub(super) fn settings(&self, folder: &Path) -> TokenSettings {
        let file = write(folder, "api.pem", &self.certificate_pem());
        TokenSettings {
            key_files: vec![file],
            algorithm: TokenAlgorithm::Es256,
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            leeway: TokenSettings::DEFAULT_LEEWAY,
        }
    }
}

/// A token of what was signed and of its signature.
pub(super) fn signed(message: &str, signature: &[u8]) -> String {
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What is signed.
pub(super) fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The claims of a device's token for the pair.
pub(super) fn claims(now: SystemTime) -> Value {
    let now = now.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "d_0123", "jti": "1",
        "iat": now, "nbf": now - 10, "exp": now + 4 * 3600,
        "access": [pull(SOURCE), pull(TARGET)],
    })
}

/// One entry of `access`.
pub(super) fn pull(repository: &str) -> Value {
    json!({ "type": "repository", "name": repository, "actions": ["pull"] })
}

/// A moment within the life of the tokens in fixtures/tokens.json.
pub(super) fn noon() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(super) fn write(folder: &Path, name: &str, contents: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, contents).expect("written");
    file
}
