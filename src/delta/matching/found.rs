//! A match: what the search finds and the choice takes from.

use std::cmp::Reverse;

use super::super::Cover;

/// A stretch of a segment that goes along with the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delta) struct Match {
    /// Where it starts, counted from the start of the segment.
    pub(in crate::delta) start: u32,
    /// Where it ends, counted likewise.
    pub(in crate::delta) end: u32,
    /// Base position minus target position.
    pub(in crate::delta) displacement: i64,
}

impl Match {
    /// The match as a cover of the target, in which its segment starts at `origin`.
    pub(in crate::delta) fn cover(&self, origin: usize) -> Cover {
        let start = origin + self.start as usize;
        Cover {
            start: start as u64,
            len: u64::from(self.end - self.start),
            offset: (start as i64 + self.displacement) as u64,
        }
    }
}

/// The same matches by start, those of one displacement that overlap or meet made one.
pub(super) fn merged(mut matches: Vec<Match>) -> Vec<Match> {
    matches.sort_unstable_by_key(|found| (found.displacement, found.start));
    let mut merged: Vec<Match> = Vec::with_capacity(matches.len());
    for found in matches {
        match merged.last_mut() {
            Some(last) if last.displacement == found.displacement && last.end >= found.start => {
                last.end = last.end.max(found.end);
            }
            _ => merged.push(found),
        }
    }
    merged.sort_unstable_by_key(|found| (found.start, Reverse(found.end), found.displacement));
    merged
}
