//! A time after which looking for deltas ends: who may do without one does not wait for it for ever.

use std::time::{Duration, Instant};

use crate::image::{ImageError, NetworkCause, RegistryError};
use crate::progress::{PassedOn, Progress};

/// How long nothing may come of a delta that was found, and how long a look at the candidates may take in all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Progress of work that is stopped at a time, too.
pub(crate) struct Deadline<'a> {
    progress: &'a dyn Progress,
    end: Instant,
}

impl<'a> Deadline<'a> {
    /// The work ends when `time` is over.
    pub(crate) fn after(time: Duration, progress: &'a dyn Progress) -> Self {
        Deadline { progress, end: Instant::now() + time }
    }

    /// Whether the work was stopped by the time alone.
    pub(crate) fn is_over(&self) -> bool {
        !self.progress.cancelled() && Instant::now() >= self.end
    }

    /// The failure of `host`, which has not answered in time.
    pub(super) fn missed_by(host: &str) -> ImageError {
        let reason = format!("no answer within {} s", PATIENCE.as_secs());
        let (host, cause) = (host.to_owned(), NetworkCause::Connection);
        RegistryError::Network { host, reason, cause }.into()
    }
}

impl PassedOn for Deadline<'_> {
    fn inner(&self) -> &dyn Progress {
        self.progress
    }

    fn cancelled(&self) -> bool {
        self.progress.cancelled() || Instant::now() >= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn work_is_stopped_when_its_time_is_over() {
        let soon = Deadline::after(Duration::ZERO, &Silent);
        assert!(PassedOn::cancelled(&soon) && soon.is_over());
        let late = Deadline::after(PATIENCE, &Silent);
        assert!(!PassedOn::cancelled(&late) && !late.is_over());
    }
}
