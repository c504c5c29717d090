//! Where the server listens, and what a connection may cost.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum_server::Handle;
use axum_server::accept::DefaultAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio_util::sync::CancellationToken;

use super::connections::{Admitting, ConnectionCounts, Connections, Plain, Watching};
use super::settings::ListenSettings;
use super::tls;

/// How long a client may take to send the head of a request, and to begin the next one. Devices are on
/// slow links, but a head is some kilobytes.
const HEAD_TIME: Duration = Duration::from_secs(20);
/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to say so.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIME: Duration = Duration::from_secs(20);
/// Bytes of a request's head: two references and a token take four kilobytes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Requests that one HTTP/2 connection may have open: a proxy carries those of many devices.
const MAX_STREAMS: u32 = 4_096;

/// The way into a server.
pub(crate) struct Door {
    pub(crate) settings: ListenSettings,
    /// Cancelled when the server stops: whoever waits is answered at once.
    pub(crate) stopping: CancellationToken,
    connections: Arc<Connections>,
}

impl Door {
    pub(crate) fn new(settings: ListenSettings) -> Self {
        let connections = Connections::new(&settings);
        Door { settings, stopping: CancellationToken::new(), connections }
    }

    /// What happened to connections so far.
    pub(crate) fn counts(&self) -> ConnectionCounts {
        self.connections.counts()
    }
}

/// The handles that end what listens.
#[derive(Clone)]
pub(super) struct Handles {
    requests: Handle<SocketAddr>,
    figures: Handle<SocketAddr>,
}

impl Handles {
    pub(super) fn new() -> Self {
        Handles { requests: Handle::new(), figures: Handle::new() }
    }

    /// Lets nobody in any more, and ends connections as their last answers are taken, or at the end of
    /// the time.
    pub(super) fn close(&self, within: Duration) {
        self.requests.graceful_shutdown(Some(within));
        self.figures.graceful_shutdown(Some(within));
    }
}

/// An address cannot be listened on.
pub(super) struct NoListener {
    pub(super) address: SocketAddr,
    pub(super) source: io::Error,
}

/// Answers requests with `app`, and what is asked on the figures' own address with `figures`, until the handles are told
/// to stop.
pub(super) async fn answer(
    door: &Door,
    app: Router,
    figures: Router,
    certificate: Option<RustlsConfig>,
    handles: Handles,
) -> Result<(), NoListener> {
    let requests = answer_requests(door, app, certificate, handles.requests);
    let requests = failing_at(door.settings.address, requests);
    match door.settings.metrics {
        None => requests.await,
        Some(address) => {
            let figures = failing_at(address, plain(door, address, figures, handles.figures));
            tokio::try_join!(requests, figures).map(drop)
        }
    }
}

async fn failing_at(
    address: SocketAddr,
    served: impl Future<Output = io::Result<()>>,
) -> Result<(), NoListener> {
    served.await.map_err(|source| NoListener { address, source })
}

async fn answer_requests(
    door: &Door,
    app: Router,
    certificate: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    tokio::spawn(announce(handle.clone(), certificate.is_some()));
    let listen = &door.settings;
    let Some((certificate, files)) = certificate.zip(listen.tls.clone()) else {
        return plain(door, listen.address, app, handle).await;
    };
    let fresh = tls::keep_fresh(certificate.clone(), files, door.stopping.clone());
    tokio::spawn(fresh);
    let acceptor = RustlsAcceptor::new(certificate).acceptor(DefaultAcceptor::new());
    let mut server = axum_server::bind(listen.address).acceptor(Watching(acceptor));
    limit(server.http_builder());
    server.handle(handle).serve(admitting(door, app)).await
}

async fn plain(
    door: &Door,
    address: SocketAddr,
    app: Router,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    let mut server = axum_server::bind(address).acceptor(Watching(Plain));
    limit(server.http_builder());
    server.handle(handle).serve(admitting(door, app)).await
}

/// The app for as many clients as there may be.
fn admitting(
    door: &Door,
    app: Router,
) -> Admitting<IntoMakeServiceWithConnectInfo<Router, SocketAddr>> {
    let make = app.into_make_service_with_connect_info();
    Admitting::new(Arc::clone(&door.connections), make)
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
    builder
        .http2()
        .timer(timer)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIME)
        .max_header_list_size(max_head)
        .max_concurrent_streams(MAX_STREAMS);
}

async fn announce(handle: Handle<SocketAddr>, tls: bool) {
    if let Some(address) = handle.listening().await {
        let scheme = if tls { "https" } else { "http" };
        tracing::info!("listening on {scheme}://{address}");
    }
}
