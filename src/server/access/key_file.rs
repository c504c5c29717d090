//! A file of verification keys: certificates or public keys in PEM, or JWKS.

use rustls::pki_types::pem::{PemObject as _, SectionKind};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::TokenAlgorithm;
use super::jwk;
use super::public_key::{KeyProblem, PublicKey};

/// Every key is tried on a token that names none, so a file may not hold any number of them.
const MAX_KEYS: usize = 32;

/// The keys of a file's contents, at least one. Which kind of file it is shows in its first
/// character. The error goes on from "the key file …".
pub(super) fn parse(contents: &[u8], algorithm: TokenAlgorithm) -> Result<Vec<PublicKey>, String> {
    let json = contents.trim_ascii_start().first() == Some(&b'{');
    let keys = if json { jwk::parse(contents, algorithm) } else { pem(contents, algorithm) };
    let keys = keys.map_err(|problem| match problem {
        KeyProblem::OtherKind(text) | KeyProblem::Broken(text) => text,
    })?;
    if keys.len() > MAX_KEYS {
        return Err(format!("holds {} keys, more than {MAX_KEYS}", keys.len()));
    }
    Ok(keys)
}

fn pem(contents: &[u8], algorithm: TokenAlgorithm) -> Result<Vec<PublicKey>, KeyProblem> {
    let broken = |what: &str| KeyProblem::Broken(format!("holds a broken {what}"));
    let (mut certificates, mut infos, mut private) = (Vec::new(), Vec::new(), false);
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(contents) {
        let (kind, der) = section.map_err(|_| broken("PEM section"))?;
        match kind {
            SectionKind::Certificate => {
                certificates.push(Certificate::from_der(&der).map_err(|_| broken("certificate"))?);
            }
            SectionKind::PublicKey => {
                let info = SubjectPublicKeyInfoOwned::from_der(&der);
                infos.push(info.map_err(|_| broken("public key"))?);
            }
            SectionKind::PrivateKey | SectionKind::EcPrivateKey | SectionKind::RsaPrivateKey => {
                private = true;
            }
            _ => {}
        }
    }
    infos.extend(subjects(&certificates).cloned());
    if infos.is_empty() {
        return Err(KeyProblem::Broken(nothing(private)));
    }
    infos.iter().map(|info| PublicKey::new(info, algorithm)).collect()
}

fn nothing(private: bool) -> String {
    match private {
        true => "holds a private key only; the certificate or the public key is needed",
        false => "holds neither a certificate, nor a public key, nor a JWKS",
    }
    .to_owned()
}

/// The keys of those certificates that vouch for no other one here: in a chain, whoever signed the
/// signer's certificate may not sign tokens. Several self-signed ones all count, as when keys are
/// being changed. Nor do a certificate's dates matter: whoever put it here trusts its key.
fn subjects(certificates: &[Certificate]) -> impl Iterator<Item = &SubjectPublicKeyInfoOwned> {
    let parts = || certificates.iter().map(Certificate::tbs_certificate);
    let vouches =
        move |subject| parts().any(|other| other.issuer() == subject && other.subject() != subject);
    parts()
        .filter(move |certificate| !vouches(certificate.subject()))
        .map(|certificate| certificate.subject_public_key_info())
}
