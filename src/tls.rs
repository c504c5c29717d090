//! Whom TLS clients trust, and what they and servers show. Each has its cryptography of its own: nothing is installed
//! for the whole process.

use std::sync::Arc;

#[cfg(feature = "serving")]
use rustls::ServerConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// The one protocol that clients speak in TLS (RFC 7301, its registry of names).
const PROTOCOL: &[u8] = b"http/1.1";

/// A certificate that a client shows, with those that it hangs on, and its key.
#[derive(Debug)]
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    #[cfg_attr(not(feature = "registry"), expect(dead_code, reason = "of registries"))]
    /// Reads both in PEM form; `None` if either is none.
    pub(crate) fn from_pem(certificate: &[u8], key: &[u8]) -> Option<Self> {
        let key = PrivateKeyDer::from_pem_slice(key).ok()?;
        Some(Identity { chain: certificates(certificate)?, key })
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Identity { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

/// Reads certificates in PEM form; `None` if there are none, or some that can't be read.
pub(crate) fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|certificates| !certificates.is_empty())
}

/// Whom a client trusts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trust<'a> {
    /// The system's authorities and these.
    Authorities(&'a [CertificateDer<'static>]),
    #[cfg_attr(not(feature = "registry"), expect(dead_code, reason = "of registries"))]
    /// Any server, for the one that was asked for.
    Anybody,
}

/// The settings of a client that shows `identity` where a server asks for one.
///
/// # Errors
/// If an authority or the identity can't be used.
pub(crate) fn client(trust: Trust<'_>, identity: Option<Identity>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier(trust, provider)?);
    let mut config = match identity {
        Some(Identity { chain, key }) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

/// The settings of a server that shows `identity` and speaks `protocols`, the best first.
///
/// # Errors
/// If the identity can't be used.
#[cfg(feature = "serving")]
pub(crate) fn server(identity: Identity, protocols: &[&[u8]]) -> Result<ServerConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

fn verifier(
    trust: Trust<'_>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let algorithms = provider.signature_verification_algorithms;
    let indiscriminate = |takes_all| Arc::new(Indiscriminate { takes_all, algorithms });
    let Trust::Authorities(authorities) = trust else { return Ok(indiscriminate(true)) };
    match Verifier::new_with_extra_roots(authorities.iter().cloned(), provider) {
        Ok(verifier) => Ok(Arc::new(verifier)),
        // The system has no certificates at all (a bare container), which is enough for plain HTTP.
        Err(_) if authorities.is_empty() => Ok(indiscriminate(false)),
        Err(error) => Err(error),
    }
}

/// Takes every certificate for that of the server, or none.
#[derive(Debug)]
struct Indiscriminate {
    takes_all: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Indiscriminate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.takes_all {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_installed_for_the_whole_process() {
        let config = client(Trust::Authorities(&[]), None).expect("settings");
        let built = reqwest::Client::builder().tls_backend_preconfigured(config).build();
        assert!(built.is_ok() && CryptoProvider::get_default().is_none());
    }

    #[test]
    fn what_is_no_certificate_or_key_is_none() {
        for pem in
            [&b""[..], b"text", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"]
        {
            assert!(certificates(pem).is_none() && Identity::from_pem(pem, pem).is_none());
        }
    }
}
