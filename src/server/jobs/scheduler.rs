//! The task that does what is due.

use std::sync::Arc;

use tokio::time::{Duration, Instant};

use super::shared::Shared;

/// How often what is old is forgotten.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);

/// Does what is due, for ever, and has jobs claimed where there is a place for them.
pub(super) async fn schedule(shared: Arc<Shared>) {
    let mut prune_at = Instant::now() + PRUNE_INTERVAL;
    loop {
        let next = step(&shared, &mut prune_at);
        shared.turns.notify_one();
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
    next.map_or(*prune_at, |next| next.min(*prune_at))
}
