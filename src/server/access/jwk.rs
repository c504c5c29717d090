//! Public keys in JSON (RFC 7517, RFC 7518 section 6, RFC 8037 section 2), made into the structure
//! that certificates have, so that there is one way to check and name a key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use x509_cert::der::asn1::{Any, BitString, ObjectIdentifier, Uint};
use x509_cert::der::{self, Encode as _};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::TokenAlgorithm;
use super::public_key::{EC_PUBLIC_KEY, ED25519, KeyProblem, P256, P384, PublicKey, RSA};

/// What we need of a key. Private members are not read.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
}

/// The keys of a JWKS, or the one of a JWK, that this algorithm can use. Others beside them are
/// passed over (RFC 7517, section 5): a set may serve several purposes.
pub(super) fn parse(
    contents: &[u8],
    algorithm: TokenAlgorithm,
) -> Result<Vec<PublicKey>, KeyProblem> {
    let no_jwks = |_| KeyProblem::Broken("holds no JWKS: its JSON is broken".to_owned());
    let document: Value = serde_json::from_slice(contents).map_err(no_jwks)?;
    let all = match document.get("keys") {
        Some(Value::Array(keys)) => keys.as_slice(),
        Some(_) => {
            return Err(KeyProblem::Broken("holds a JWKS without a list of keys".to_owned()));
        }
        None => std::slice::from_ref(&document),
    };
    let mut usable = Vec::new();
    for key in all {
        match public_key(key, algorithm) {
            Err(KeyProblem::OtherKind(_)) => {}
            other => usable.push(other?),
        }
    }
    if usable.is_empty() {
        let problem = format!("has no key for {algorithm} among its {}", all.len());
        return Err(KeyProblem::OtherKind(problem));
    }
    Ok(usable)
}

fn public_key(key: &Value, algorithm: TokenAlgorithm) -> Result<PublicKey, KeyProblem> {
    let broken = |_| KeyProblem::Broken("holds a JWKS with a broken key".to_owned());
    let jwk = Jwk::deserialize(key).map_err(|error| broken(error.to_string()))?;
    let other_use = jwk.r#use.as_deref().is_some_and(|purpose| purpose != "sig");
    let other_algorithm = jwk.alg.as_deref().is_some_and(|name| name != algorithm.name());
    let Some(kind) = jwk.kind().filter(|_| !other_use && !other_algorithm) else {
        return Err(KeyProblem::OtherKind("holds a key for something else".to_owned()));
    };
    let info = jwk.structure(kind).ok_or_else(|| broken(String::new()))?;
    Ok(PublicKey::new(&info, algorithm)?.also_called(jwk.kid))
}

/// What a key's members mean.
#[derive(Clone, Copy)]
enum Kind {
    /// A curve, and the bytes of a coordinate.
    Curve(ObjectIdentifier, usize),
    Rsa,
    Ed25519,
}

impl Jwk {
    fn kind(&self) -> Option<Kind> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("EC", Some("P-256")) => Some(Kind::Curve(P256, 32)),
            ("EC", Some("P-384")) => Some(Kind::Curve(P384, 48)),
            ("RSA", _) => Some(Kind::Rsa),
            ("OKP", Some("Ed25519")) => Some(Kind::Ed25519),
            _ => None,
        }
    }

    fn structure(&self, kind: Kind) -> Option<SubjectPublicKeyInfoOwned> {
        match kind {
            Kind::Curve(curve, length) => {
                let (x, y) = (number(self.x.as_ref())?, number(self.y.as_ref())?);
                let right = x.len() == length && y.len() == length;
                // SEC 1, section 2.3.3: 4 means that both coordinates follow.
                let point = right.then(|| [&[4], x.as_slice(), y.as_slice()].concat())?;
                structure(EC_PUBLIC_KEY, Some(Any::encode_from(&curve).ok()?), &point).ok()
            }
            Kind::Rsa => {
                let (n, e) = (number(self.n.as_ref())?, number(self.e.as_ref())?);
                let numbers = rsa_numbers(&n, &e).ok()?;
                structure(RSA, Some(Any::null()), &numbers).ok()
            }
            Kind::Ed25519 => structure(ED25519, None, &number(self.x.as_ref())?).ok(),
        }
    }
}

fn number(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

fn rsa_numbers(modulus: &[u8], exponent: &[u8]) -> der::Result<Vec<u8>> {
    vec![Uint::new(modulus)?, Uint::new(exponent)?].to_der()
}

fn structure(
    oid: ObjectIdentifier,
    parameters: Option<Any>,
    key: &[u8],
) -> der::Result<SubjectPublicKeyInfoOwned> {
    Ok(SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned { oid, parameters },
        subject_public_key: BitString::from_bytes(key)?,
    })
}
