//! Since when writes fail, and what is said of it: once when it begins, once when it ends.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::server::ServerError;

/// Whether the ledger takes writes.
#[derive(Debug, Default)]
pub(super) struct WriteHealth(Mutex<Option<Failing>>);

/// How writes fail.
#[derive(Debug)]
struct Failing {
    since: Instant,
    /// The latest reason.
    reason: String,
}

impl WriteHealth {
    /// A write failed at `now`.
    pub(super) fn failed(&self, error: &ServerError, now: Instant) {
        let mut failing = self.failing();
        match *failing {
            None => tracing::error!("{error}; nothing is promised until a write succeeds"),
            Some(_) => tracing::debug!("{error}; trying again"),
        }
        let since = failing.as_ref().map_or(now, |failing| failing.since);
        *failing = Some(Failing { since, reason: error.to_string() });
    }

    /// A write succeeded.
    pub(super) fn succeeded(&self) {
        if let Some(failing) = self.failing().take() {
            let seconds = failing.since.elapsed().as_secs();
            tracing::warn!(seconds, "the jobs are written down again");
        }
    }

    /// For how long every write has failed at `now`.
    pub(super) fn failing_for(&self, now: Instant) -> Option<Duration> {
        self.failing().as_ref().map(|failing| now.saturating_duration_since(failing.since))
    }

    /// Why writes fail; `None` while they succeed.
    pub(super) fn reason(&self) -> Option<String> {
        self.failing().as_ref().map(|failing| failing.reason.clone())
    }

    fn failing(&self) -> MutexGuard<'_, Option<Failing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_counts_from_the_first_failure_to_the_next_success() {
        let (health, start) = (WriteHealth::default(), Instant::now());
        let minute = Duration::from_secs(60);
        assert_eq!(health.failing_for(start), None);
        health.failed(&ServerError::Stopping, start);
        health.failed(&ServerError::Stopping, start + minute);
        assert_eq!(health.failing_for(start + 2 * minute), Some(2 * minute));
        assert_eq!(health.reason(), Some(ServerError::Stopping.to_string()));
        health.succeeded();
        assert_eq!(health.failing_for(start + 3 * minute), None);
    }
}
