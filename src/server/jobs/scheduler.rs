//! The task that gives jobs their turns, and does what is due.

use std::sync::Arc;

use tokio::time::{Duration, Instant};

use super::shared::Shared;
use super::work;

/// How often what is old is forgotten.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);

/// Starts what can start, and does what is due, for ever.
pub(super) async fn schedule(shared: Arc<Shared>) {
    let mut prune_at = Instant::now() + PRUNE_INTERVAL;
    loop {
        let next = step(&shared, &mut prune_at);
        tokio::select! {
            () = shared.wake.notified() => {}
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

/// One round; returns the time of the next if nothing happens before.
fn step(shared: &Arc<Shared>, prune_at: &mut Instant) -> Instant {
    let now = Instant::now();
    let mut table = shared.table();
    if *prune_at <= now {
        table.prune(now);
        *prune_at = now + PRUNE_INTERVAL;
    }
    let next = table.run_timers(now);
    while let Some(turn) = table.next_turn() {
        tokio::spawn(work::run(Arc::clone(shared), turn));
    }
    next.map_or(*prune_at, |next| next.min(*prune_at))
}
