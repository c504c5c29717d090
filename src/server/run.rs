//! The server's life: it starts, listens, and stops when it is told to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

use super::routes::{Service, router};
use super::settings::ServerSettings;
use super::{ServerError, start, tls};
use crate::end_signals::EndSignals;
use crate::temporary;

/// How long a client may take to send the head of a request. Devices are on slow links, but a head
/// is some kilobytes.
const HEAD_TIME: Duration = Duration::from_secs(20);
/// Bytes of a request's head: two references and a token take four kilobytes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Requests that one HTTP/2 connection may have open: a proxy carries those of many devices.
const MAX_STREAMS: u32 = 4_096;
/// The shell's convention for "ended by signal": 128 and the signal's number.
const SIGNAL_EXIT: i32 = 128;

/// Runs a server until a signal ends it.
///
/// SIGINT, SIGTERM, SIGHUP or SIGQUIT once: nobody new is let in, whoever waits is told to ask again, and deltas that
/// are being made are finished, or left to the next start. A second time: at once.
///
/// # Errors
/// Whatever keeps it from starting, and what it fails with while it runs.
pub fn run(settings: ServerSettings) -> Result<(), ServerError> {
    let builder = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = builder.map_err(ServerError::System)?;
    let result = runtime.block_on(serve(settings));
    // Questions to a silent registry are not waited for.
    runtime.shutdown_background();
    result
}

async fn serve(settings: ServerSettings) -> Result<(), ServerError> {
    let signals = EndSignals::listen().map_err(ServerError::System)?;
    let certificate = match &settings.listen.tls {
        Some(files) => Some(tls::load(files).await?),
        None => None,
    };
    let service = start::start(settings).await?;
    let handle = Handle::new();
    let stop = tokio::spawn(stop(signals, Arc::clone(&service), handle.clone()));
    let served = answer(&service, certificate, handle).await;
    service.stopping.cancel();
    let address = service.settings.listen.address;
    served.map_err(|source| ServerError::Listen { address, source })?;
    // Whoever waits for the last connections waits for the jobs too.
    stop.await.map_err(|error| ServerError::System(error.into()))
}

/// Answers requests until `handle` is told to stop.
async fn answer(
    service: &Arc<Service>,
    certificate: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    let app = router(Arc::clone(service)).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(announce(handle.clone(), certificate.is_some()));
    let listen = &service.settings.listen;
    match certificate.zip(listen.tls.clone()) {
        None => {
            let mut server = axum_server::bind(listen.address).acceptor(NoDelayAcceptor::new());
            limit(server.http_builder());
            server.handle(handle).serve(app).await
        }
        Some((certificate, files)) => {
            let fresh = tls::keep_fresh(certificate.clone(), files, service.stopping.clone());
            tokio::spawn(fresh);
            let mut server = axum_server::bind_rustls(listen.address, certificate);
            limit(server.http_builder());
            server.handle(handle).serve(app).await
        }
    }
}

/// Sets what a connection may cost.
fn limit(builder: &mut Builder<TokioExecutor>) {
    let timer = TokioTimer::new();
    builder
        .http1()
        .timer(timer.clone())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD_BYTES);
    let max_head = u32::try_from(MAX_HEAD_BYTES).expect("a small number");
    builder.http2().timer(timer).max_header_list_size(max_head).max_concurrent_streams(MAX_STREAMS);
}

async fn announce(handle: Handle<SocketAddr>, tls: bool) {
    if let Some(address) = handle.listening().await {
        let scheme = if tls { "https" } else { "http" };
        tracing::info!("listening on {scheme}://{address}");
    }
}

/// Waits for a signal, and then stops everything in order.
async fn stop(mut signals: EndSignals, service: Arc<Service>, handle: Handle<SocketAddr>) {
    let stopping = service.stopping.clone();
    tokio::select! {
        signal = signals.next() => tracing::info!(signal, "stopping"),
        // Listening failed.
        () = stopping.cancelled() => {}
    }
    service.stopping.cancel();
    let within = service.settings.listen.stop_within;
    // Connections have as long to take their last answer, or to end a download.
    handle.graceful_shutdown(Some(within));
    tokio::select! {
        () = service.jobs.stop(within) => tracing::info!("stopped"),
        signal = signals.next() => end_at_once(signal),
    }
}

/// Ends the process. The next start finds every job where it was, and no lock.
fn end_at_once(signal: i32) -> ! {
    tracing::warn!(signal, "ending at once");
    temporary::discard_all();
    std::process::exit(SIGNAL_EXIT + signal)
}
