//! TLS: the certificate, and its renewal while the server runs.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use axum_server::tls_rustls::RustlsConfig;
use tokio_util::sync::CancellationToken;

use super::ServerError;
use super::error::io_error;
use super::settings::TlsFiles;
use crate::small_file::read_small_file;

/// Bytes of a certificate with those that it hangs on, or of a key, at most.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// How often the files are looked at. Certificates are renewed days before they end.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// Reads the certificate and its key.
pub(super) async fn load(files: &TlsFiles) -> Result<RustlsConfig, ServerError> {
    // Fails only if the process has a provider already, which then serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (certificate, key) = read(files)?;
    let config = RustlsConfig::from_pem(certificate, key).await;
    config.map_err(io_error("use the TLS certificate", &files.certificate))
}

fn read(files: &TlsFiles) -> Result<(Vec<u8>, Vec<u8>), ServerError> {
    let read = |path: &Path| read_small_file(path, MAX_FILE_BYTES).map_err(io_error("read", path));
    Ok((read(&files.certificate)?, read(&files.key)?))
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
        let reloaded = match read(&files) {
            Ok((certificate, key)) => config
                .reload_from_pem(certificate, key)
                .await
                .map_err(io_error("use the TLS certificate", &files.certificate)),
            Err(error) => Err(error),
        };
        match reloaded {
            Ok(()) => {
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
