//! One attempt at one job: what it will take, room for it, the build, each on a thread made for it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::sync::{SemaphorePermit, oneshot};
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::display;

use super::priority;
use super::schedule::Turn;
use super::shared::Shared;
use crate::progress::Progress as _;
use crate::server::build::{Blame, BuildError, Built, BuiltPlace};

/// Tries the job, and records what came of it.
pub(super) async fn run(shared: Arc<Shared>, turn: Turn) {
    let span = tracing::info_span!("job", job = turn.job, pair = %turn.pair);
    async {
        let result = attempt(&shared, &turn).await;
        conclude(&shared, &turn, result).await;
        shared.wake.notify_one();
        shared.ended.notify_waiters();
    }
    .instrument(span)
    .await;
}

fn log(result: &Result<Built, BuildError>) {
    match result {
        Ok(built) => done(built),
        Err(BuildError { cause: Blame::Cancelled, .. }) => tracing::info!("job stopped"),
        Err(error) => tracing::warn!(cause = error.cause.name(), "{error}"),
    }
}

fn done(built: &Built) {
    let (tag, digest, file) = match &built.place {
        BuiltPlace::Tag { tag, digest } => (Some(tag), Some(display(digest)), None),
        BuiltPlace::File { key } => (None, None, Some(key)),
        BuiltPlace::NotWorth => (None, None, None),
    };
    let (bytes, seconds, worth) = (built.bytes, built.seconds, built.place != BuiltPlace::NotWorth);
    tracing::info!(bytes, seconds, tag, digest, file, worth, "job done");
}

async fn conclude(shared: &Shared, turn: &Turn, result: Result<Built, BuildError>) {
    log(&result);
    let seconds = result.as_ref().ok().map(|built| built.seconds);
    let written = shared.table().conclude(&turn.pair, result, Instant::now());
    if let Some(written) = written {
        shared.sums.built(&turn.pair, &turn.fleet, seconds);
        // It fails where the server stops; what was made is found again by the next one.
        let _ = written.await;
    }
}

/// Returns what was made.
async fn attempt(shared: &Arc<Shared>, turn: &Turn) -> Result<Built, BuildError> {
    let (builder, pair) = (Arc::clone(&shared.builder), Arc::clone(&turn.pair));
    let estimate = on_thread(move || builder.estimate(&pair)).await?;
    let bytes = if turn.alone { u64::MAX } else { estimate.memory };
    let _memory = memory(shared, turn, bytes).await?;
    if turn.progress.cancelled() {
        return Err(cancelled());
    }
    let started = shared.table().started(&turn.pair);
    // The write fails where the server stops: the job waits for the next start.
    started.await.map_err(|_| cancelled())?;
    if turn.progress.cancelled() {
        return Err(cancelled());
    }
    let (builder, pair) = (Arc::clone(&shared.builder), Arc::clone(&turn.pair));
    let (fleet, progress) = (turn.fleet.clone(), Arc::clone(&turn.progress));
    let result = on_thread(move || builder.build(&pair, &fleet, &*progress)).await;
    result.map_err(|error| blame(error, turn.progress.cancelled()))
}

/// Waits for room.
async fn memory<'a>(
    shared: &'a Shared,
    turn: &Turn,
    bytes: u64,
) -> Result<SemaphorePermit<'a>, BuildError> {
    let share = shared.share(bytes);
    tokio::select! {
        biased;
        permit = shared.memory.acquire_many(share) => permit.map_err(|_| cancelled()),
        () = turn.progress.until_cancelled() => Err(cancelled()),
    }
}

/// A build that stops without having been told to would be begun again for ever.
fn blame(error: BuildError, was_cancelled: bool) -> BuildError {
    match error.cause {
        Blame::Cancelled if !was_cancelled => BuildError { cause: Blame::Defect, ..error },
        _ => error,
    }
}

fn cancelled() -> BuildError {
    BuildError { cause: Blame::Cancelled, message: "nobody waits for it any more".to_owned() }
}

/// Does `work` on a thread of its own, of low priority. A panic there is a defect and nothing else.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BuildError> + Send + 'static,
) -> Result<T, BuildError> {
    let (sender, receiver) = oneshot::channel();
    let span = tracing::Span::current();
    let guarded = move || {
        priority::lower();
        let result = span.in_scope(|| catch_unwind(AssertUnwindSafe(work)));
        // Nobody waits any more only if the server is gone.
        let _ = sender.send(result.unwrap_or_else(|panic| Err(defect(&*panic))));
    };
    thread::Builder::new().name("build".to_owned()).spawn(guarded).map_err(|error| BuildError {
        cause: Blame::Disk,
        message: format!("cannot start a thread: {error}"),
    })?;
    receiver.await.unwrap_or_else(|_| Err(defect(&"a thread ended")))
}

fn defect(panic: &(dyn Any + Send)) -> BuildError {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!("a build stopped at a defect: {}", text.unwrap_or("unknown"));
    BuildError { cause: Blame::Defect, message: "stopped at a defect of the server".to_owned() }
}
