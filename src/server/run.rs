//! The server's life: it starts, listens, and stops when it is told to.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::listen::{Handles, NoListener, answer};
use super::routes::Service;
use super::settings::ServerSettings;
use super::{ServerError, start, tls};
use crate::end_signals::EndSignals;
use crate::temporary;

/// How often the end of the last downloads is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Kept from the time that a stop has, for connections that have their answers to be closed.
const CLOSE_TIME: Duration = Duration::from_millis(500);
/// The shell's convention for "ended by signal": 128 and the signal's number.
const SIGNAL_EXIT: i32 = 128;

/// Runs a server until a signal ends it.
///
/// SIGINT, SIGTERM, SIGHUP or SIGQUIT once: whoever waits or asks is told to ask again until the end, and deltas that
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
    let handles = Handles::new();
    let stop = tokio::spawn(stop(signals, Arc::clone(&service), handles.clone()));
    let served = answer(&service, certificate, handles).await;
    service.stopping.cancel();
    served.map_err(|NoListener { address, source }| ServerError::Listen { address, source })?;
    // Whoever waits for the last connections waits for the jobs too.
    stop.await.map_err(|error| ServerError::System(error.into()))
}

/// Waits for a signal, and then stops everything in order.
async fn stop(mut signals: EndSignals, service: Arc<Service>, handles: Handles) {
    let stopping = service.stopping.clone();
    tokio::select! {
        signal = signals.next() => tracing::info!(signal, "stopping"),
        // Listening failed.
        () = stopping.cancelled() => {}
    }
    service.stopping.cancel();
    tokio::select! {
        () = wind_up(&service, &handles) => tracing::info!("stopped"),
        signal = signals.next() => end_at_once(signal),
    }
}

/// Ends the work, then the listening: until the end whoever asks is told to ask again, rather than
/// that there is no server.
async fn wind_up(service: &Service, handles: &Handles) {
    let deadline = Instant::now() + service.settings.listen.stop_within;
    let downloads = async {
        while service.artifacts.are_downloaded() && Instant::now() + CLOSE_TIME < deadline {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    tokio::join!(service.jobs.stop(service.settings.listen.stop_within), downloads);
    handles.close(deadline.saturating_duration_since(Instant::now()).max(CLOSE_TIME));
}

/// Ends the process. The next start finds every job where it was, and no lock.
fn end_at_once(signal: i32) -> ! {
    tracing::warn!(signal, "ending at once");
    temporary::discard_all();
    std::process::exit(SIGNAL_EXIT + signal)
}
