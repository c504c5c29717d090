//! Whom the client of engines trusts, and what it shows: `ca.pem`, `cert.pem` and `key.pem` of a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::address::EngineAddress;
use crate::small_file::read_small_file;
use crate::tls;

/// A certificate or key that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the engines' certificates: {}: {reason}", path.display())]
pub struct CertificatesError {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

/// The largest file with certificates or a key that is read.
const MAX_FILE: u64 = 1 << 20;

/// The settings of TLS for an engine; `None` if the engine speaks none.
pub(crate) fn certificates_for(
    address: &EngineAddress,
    folder: Option<&Path>,
) -> Result<Option<Arc<ClientConfig>>, CertificatesError> {
    let EngineAddress::Host { host, tls: true, .. } = address else { return Ok(None) };
    let config = match folder {
        Some(folder) => own_authority(&folder_of(folder, host))?,
        None => tls::client(tls::Trust::Authorities(&[]), None)
            .map_err(|error| failed(Path::new("system"), &error))?,
    };
    Ok(Some(Arc::new(config)))
}

/// A folder with the host's name holds what is for that host alone.
fn folder_of(folder: &Path, host: &str) -> PathBuf {
    let own = folder.join(host);
    if own.is_dir() { own } else { folder.to_owned() }
}

/// Trusts the folder's authority alone: the system's authorities vouch for web sites, not for engines.
fn own_authority(folder: &Path) -> Result<ClientConfig, CertificatesError> {
    let mut roots = RootCertStore::empty();
    let authority = folder.join("ca.pem");
    for certificate in certificates(&authority)? {
        roots.add(certificate).map_err(|error| failed(&authority, &error))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(folder, &error))?
        .with_root_certificates(roots);
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    // Engines that ask for no certificate need none.
    if !certificate.exists() && !key.exists() {
        return Ok(builder.with_no_client_auth());
    }
    let chain = certificates(&certificate)?;
    let secret = PrivateKeyDer::from_pem_slice(&read(&key)?)
        .map_err(|_| failed(&key, &"holds no private key"))?;
    builder.with_client_auth_cert(chain, secret).map_err(|error| failed(&key, &error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificatesError> {
    tls::certificates(&read(path)?).ok_or_else(|| failed(path, &"holds no certificate"))
}

fn read(path: &Path) -> Result<Vec<u8>, CertificatesError> {
    read_small_file(path, MAX_FILE).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, reason: &dyn std::fmt::Display) -> CertificatesError {
    CertificatesError { path: path.to_owned(), reason: reason.to_string() }
}
