//! A server's life: it starts, listens, and stops when it is told to.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep_until};

use super::error::ServingError;
use super::listen::{Door, Handles, NoListener, answer};
use super::settings::ListenSettings;
use super::tls;
use crate::end_signals::EndSignals;
use crate::threads::{WAITING_THREAD_LIFE, check_threads};

/// Kept from the time that a stop has, for connections that have their answers to be closed.
pub(crate) const CLOSE_TIME: Duration = Duration::from_millis(500);

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

/// What serves.
pub(crate) trait Serve: Send + Sync + 'static {
    /// The way in.
    fn door(&self) -> &Door;

    /// What requests are answered with.
    fn router(self: &Arc<Self>) -> Router;

    /// What is answered on the figures' own address.
    fn figures(self: &Arc<Self>) -> Router;

    /// Ends the work, by the deadline. Requests are answered meanwhile: whoever asks is told to ask again, rather
    /// than that there is no server.
    fn wind_up(&self, deadline: Instant) -> impl Future<Output = ()> + Send;
}

/// Runs what `start` makes until a signal ends it.
///
/// SIGINT, SIGTERM, SIGHUP or SIGQUIT once: the work is wound up and connections are closed as they get their
/// answers. A second time: at once, with work still going on that the caller ends by ending the process.
pub(crate) fn run<S: Serve, E: From<ServingError>>(
    listen: &ListenSettings,
    start: impl Future<Output = Result<Arc<S>, E>>,
) -> Result<Ended, E> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    // One more, for what has to wait.
    check_threads(workers + 1).map_err(ServingError::System)?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(workers).thread_keep_alive(WAITING_THREAD_LIFE).enable_all();
    let runtime = builder.build().map_err(ServingError::System)?;
    // Whatever work takes later, this one is there.
    runtime.spawn_blocking(|| ());
    let result = runtime.block_on(serve(listen, start));
    // Questions to a silent registry are not waited for.
    runtime.shutdown_background();
    result
}

async fn serve<S: Serve, E: From<ServingError>>(
    listen: &ListenSettings,
    start: impl Future<Output = Result<Arc<S>, E>>,
) -> Result<Ended, E> {
    let signals = EndSignals::listen().map_err(ServingError::System)?;
    let certificate = match &listen.tls {
        Some(files) => Some(tls::load(files)?),
        None => None,
    };
    let service = start.await?;
    let handles = Handles::new();
    let mut stop = tokio::spawn(stop(signals, Arc::clone(&service), handles.clone()));
    let (app, figures) = (service.router(), service.figures());
    let mut answering = pin!(answer(service.door(), app, figures, certificate, handles));
    let ended = |ended: Result<Ended, JoinError>| ended.map_err(|e| ServingError::System(e.into()));
    let served = tokio::select! {
        served = &mut answering => served,
        stopped = &mut stop => match ended(stopped)? {
            Ended::AtOnce(signal) => return Ok(Ended::AtOnce(signal)),
            Ended::InOrder => return Ok(listened(answering.await).map(|()| Ended::InOrder)?),
        },
    };
    service.door().stopping.cancel();
    listened(served)?;
    // Whoever waits for the last connections waits for the work too.
    Ok(ended(stop.await)?)
}

fn listened(served: Result<(), NoListener>) -> Result<(), ServingError> {
    served.map_err(|NoListener { address, source }| ServingError::Listen { address, source })
}

/// Waits for a signal, and then stops everything in order.
async fn stop<S: Serve>(mut signals: EndSignals, service: Arc<S>, handles: Handles) -> Ended {
    let stopping = service.door().stopping.clone();
    let delay = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            service.door().settings.stop_delay
        }
        // Listening failed.
        () = stopping.cancelled() => Duration::ZERO,
    };
    stopping.cancel();
    tokio::select! {
        () = wind_up(&*service, &handles, delay) => {
            tracing::info!("stopped");
            Ended::InOrder
        }
        signal = signals.next() => {
            tracing::warn!(signal, "ending at once");
            Ended::AtOnce(signal)
        }
    }
}

/// Ends the work, then the listening, which goes on for the delay at least.
async fn wind_up(service: &impl Serve, handles: &Handles, delay: Duration) {
    let (now, within) = (Instant::now(), service.door().settings.stop_within);
    let deadline = now + within;
    tokio::join!(service.wind_up(deadline), sleep_until(now + delay.min(within)));
    handles.close(deadline.saturating_duration_since(Instant::now()).max(CLOSE_TIME));
}
