//! The server's life: it starts, listens, and stops when it is told to.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::Instant;

use super::listen::{Handles, NoListener, answer};
use super::routes::Service;
use super::settings::ServerSettings;
use super::{ServerError, start, tls};
use crate::end_signals::EndSignals;
use crate::threads::{WAITING_THREAD_LIFE, check_threads};

/// How often the end of the last downloads is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Kept from the time that a stop has, for connections that have their answers to be closed.
const CLOSE_TIME: Duration = Duration::from_millis(500);

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Ended {
    /// In order: everybody has an answer, and what was being made is done or noted for the next start.
    InOrder,
    /// At once, by a second signal of this number. Work is still going on, on threads that only the end
    /// of the process ends.
    AtOnce(i32),
}

/// Runs a server until a signal ends it.
///
/// SIGINT, SIGTERM, SIGHUP or SIGQUIT once: whoever waits or asks is told to ask again until the end, and deltas that
/// are being made are finished, or left to the next start. A second time: at once, with work still going on
/// that the caller ends by ending the process.
///
/// A server takes the process for its own: these signals come to it, and rayon's global threads get a
/// low priority, unless there are some already.
///
/// # Errors
/// If the server cannot start, or fails while it runs.
pub fn run(settings: ServerSettings) -> Result<Ended, ServerError> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    // One more, for what has to wait.
    check_threads(workers + 1).map_err(ServerError::System)?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(workers).thread_keep_alive(WAITING_THREAD_LIFE).enable_all();
    let runtime = builder.build().map_err(ServerError::System)?;
    // Whatever builds take later, this one is there.
    runtime.spawn_blocking(|| ());
    let result = runtime.block_on(serve(settings));
    // Questions to a silent registry are not waited for.
    runtime.shutdown_background();
    result
}

async fn serve(settings: ServerSettings) -> Result<Ended, ServerError> {
    let signals = EndSignals::listen().map_err(ServerError::System)?;
    let certificate = match &settings.listen.tls {
        Some(files) => Some(tls::load(files)?),
        None => None,
    };
    let service = start::start(settings).await?;
    let handles = Handles::new();
    let mut stop = tokio::spawn(stop(signals, Arc::clone(&service), handles.clone()));
    let mut answering = pin!(answer(&service, certificate, handles));
    let ended = |ended: Result<Ended, JoinError>| ended.map_err(|e| ServerError::System(e.into()));
    let served = tokio::select! {
        served = &mut answering => served,
        stopped = &mut stop => match ended(stopped)? {
            Ended::AtOnce(signal) => return Ok(Ended::AtOnce(signal)),
            Ended::InOrder => return listened(answering.await).map(|()| Ended::InOrder),
        },
    };
    service.stopping.cancel();
    listened(served)?;
    // Whoever waits for the last connections waits for the jobs too.
    ended(stop.await)
}

fn listened(served: Result<(), NoListener>) -> Result<(), ServerError> {
    served.map_err(|NoListener { address, source }| ServerError::Listen { address, source })
}

/// Waits for a signal, and then stops everything in order.
async fn stop(mut signals: EndSignals, service: Arc<Service>, handles: Handles) -> Ended {
    let stopping = service.stopping.clone();
    tokio::select! {
        signal = signals.next() => tracing::info!(signal, "stopping"),
        // Listening failed.
        () = stopping.cancelled() => {}
    }
    service.stopping.cancel();
    tokio::select! {
        () = wind_up(&service, &handles) => {
            tracing::info!("stopped");
            Ended::InOrder
        }
        signal = signals.next() => {
            tracing::warn!(signal, "ending at once");
            Ended::AtOnce(signal)
        }
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
