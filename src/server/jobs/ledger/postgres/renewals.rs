//! Since when this server has renewed its lease in time.

use std::time::Duration;

use tokio::time::Instant;

/// Connections may come and go: as long as renewals succeed in time, the database is there for others too,
/// and who has not renewed its lease is gone.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    /// The first of a row in which none was late, and the last.
    row: Option<(Instant, Instant)>,
}

impl Renewals {
    /// The lease was renewed.
    pub(super) fn note(&mut self, now: Instant, lease: Duration) {
        let first = self.row.filter(|(_, last)| now - *last < lease / 2).map(|(first, _)| first);
        self.row = Some((first.unwrap_or(now), now));
    }

    /// Whether all renewals of so long a time were in time.
    pub(super) fn for_so_long(&self, time: Duration) -> bool {
        self.row.is_some_and(|(first, last)| last - first >= time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_renewal_begins_anew() {
        let (mut renewed, lease) = (Renewals::default(), Duration::from_secs(20));
        let start = Instant::now();
        let mut at = |second| {
            renewed.note(start + Duration::from_secs(second), lease);
            renewed.for_so_long(lease)
        };
        assert!((0..20).all(|second| !at(second)));
        assert!(at(20) && at(29));
        assert!(!at(39));
        assert!((40..59).all(|second| !at(second)));
        assert!(at(59));
    }
}
