//! TLS: the certificate, and its renewal while the server runs.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use super::error::{ServingError, io_error};
use super::settings::TlsFiles;
use crate::small_file::read_small_file;
use crate::tls::{self, Identity};

/// Bytes of a certificate with those that it hangs on, or of a key, at most.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What is spoken in TLS (RFC 7301, its registry of names), the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// How often the files are looked at. Certificates are renewed days before they end.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// Reads the certificate and its key.
pub(super) fn load(files: &TlsFiles) -> Result<RustlsConfig, ServingError> {
    Ok(RustlsConfig::from_config(read(files)?))
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, ServingError> {
    let read = |path: &Path| read_small_file(path, MAX_FILE_BYTES).map_err(io_error("read", path));
    let (chain, key) = (read(&files.certificate)?, read(&files.key)?);
    let unusable = |error: rustls::Error| {
        io_error("use the TLS certificate", &files.certificate)(io::Error::other(error))
    };
    let none = || rustls::Error::General("no certificate or key in PEM".to_owned());
    let identity = Identity::from_pem(&chain, &key).ok_or_else(none);
    let config = identity.and_then(|identity| tls::server(identity, &PROTOCOLS));
    config.map(Arc::new).map_err(unusable)
}

/// Reads the files again whenever they change, until `stopped`. A pair that does not fit together is
/// told of and looked at again: the certificate may be there before its key.
pub(super) async fn keep_fresh(config: RustlsConfig, files: TlsFiles, stopped: CancellationToken) {
    let mut loaded = changed(&files).ok();
    let mut ticks = tokio::time::interval(LOOK_INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stopped.cancelled() => return,
        }
        let now = changed(&files).ok();
        if now == loaded || now.is_none() {
            continue;
        }
        match read(&files) {
            Ok(renewed) => {
                config.reload_from_config(renewed);
                loaded = now;
                tracing::info!("the TLS certificate was read again");
            }
            Err(error) => tracing::warn!(%error, "the new TLS certificate cannot be used yet"),
        }
    }
}

/// When the files were last changed.
fn changed(files: &TlsFiles) -> io::Result<[SystemTime; 2]> {
    let modified = |path: &Path| std::fs::metadata(path)?.modified();
    Ok([modified(&files.certificate)?, modified(&files.key)?])
}
