//! News of releases: what has changed since the last look. Pure.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::release::model::Change;

/// How far back a look goes behind the newest change seen: transactions end in another order than their
/// times have.
const OVERLAP: Duration = Duration::from_secs(120);

/// Remembers what was seen.
#[derive(Debug, Default)]
pub(super) struct Changes {
    newest: Option<SystemTime>,
    /// When each release changed last, of those within the overlap.
    seen: HashMap<u64, SystemTime>,
}

impl Changes {
    /// The time after which changes are to be asked for, as the API reads times.
    pub(super) fn since(&self) -> String {
        let since = self.newest.and_then(|newest| newest.checked_sub(OVERLAP));
        humantime::format_rfc3339_millis(since.unwrap_or(SystemTime::UNIX_EPOCH)).to_string()
    }

    /// Notes a release; says whether it is news.
    pub(super) fn note(&mut self, change: &Change) -> bool {
        let time = humantime::parse_rfc3339_weak(&change.update_timestamp);
        // A time that is none is news each time, which costs a question and no more.
        let Ok(time) = time else { return true };
        self.newest = self.newest.max(Some(time));
        self.seen.insert(change.id, time) != Some(time)
    }

    /// Forgets what will not be told again.
    pub(super) fn forget_old(&mut self) {
        let Some(since) = self.newest.and_then(|newest| newest.checked_sub(2 * OVERLAP)) else {
            return;
        };
        self.seen.retain(|_, time| *time >= since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: u64, time: &str) -> Change {
        let update_timestamp = time.to_owned();
        Change { id, is_final: false, fleet: 1, update_timestamp, tags: Vec::new() }
    }

    #[test]
    fn a_change_is_news_once_and_looks_overlap() {
        let mut changes = Changes::default();
        assert_eq!(changes.since(), "1970-01-01T00:00:00.000Z");
        assert!(changes.note(&change(1, "2026-11-28T12:10:00.000Z")));
        assert!(!changes.note(&change(1, "2026-11-28T12:10:00.000Z")));
        assert!(changes.note(&change(1, "2026-11-28T12:11:00.500Z")));
        assert!(changes.note(&change(2, "2026-11-28T12:00:00.000Z")));
        assert_eq!(changes.since(), "2026-11-28T12:09:00.500Z");
        changes.forget_old();
        assert_eq!(changes.seen.len(), 1);
        assert!(changes.note(&change(3, "soon")));
    }
}
