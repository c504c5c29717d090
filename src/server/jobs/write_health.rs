//! Since when writes fail, and what is said of it: once when it begins, once when it ends.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::server::ServerError;

/// Whether the ledger takes writes.
#[derive(Debug, Default)]
pub(super) struct WriteHealth(Mutex<Option<Instant>>);

impl WriteHealth {
    /// A write failed at `now`.
    pub(super) fn failed(&self, error: &ServerError, now: Instant) {
        let mut since = self.since();
        match *since {
            None => tracing::error!("{error}; nothing is promised until a write succeeds"),
            Some(_) => tracing::debug!("{error}; trying again"),
        }
        since.get_or_insert(now);
    }

    /// A write succeeded.
    pub(super) fn succeeded(&self) {
        if let Some(since) = self.since().take() {
            let seconds = since.elapsed().as_secs();
            tracing::warn!(seconds, "the jobs are written down again");
        }
    }

    /// For how long every write has failed at `now`.
    pub(super) fn failing_for(&self, now: Instant) -> Option<Duration> {
        self.since().map(|since| now.saturating_duration_since(since))
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
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
        health.succeeded();
        assert_eq!(health.failing_for(start + 3 * minute), None);
    }
}
