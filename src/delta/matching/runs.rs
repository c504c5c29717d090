//! Runs: matches without a changed byte, for dialects that copy.
//!
//! A run that is found is followed along its displacement in both directions, because after a few changed bytes things
//! usually go on where they left off.

use std::ops::Range;

use super::super::extent::{common_prefix, common_suffix};
use super::search::{Candidate, Following, Search};

/// A displacement is given up after so many bytes without a run.
const GIVE_UP: usize = 64;
/// The same for a displacement that pairing guessed.
const GIVE_UP_GUESS: usize = 1024;
/// How many of a settled run's last bytes are looked at all the same.
const UNSETTLED_TAIL: usize = 12;
/// How far a run grows backward into what earlier ones cover.
const BACKWARD: usize = 256;

/// Finds runs in one segment.
pub(in crate::delta) struct Runs<'a> {
    /// The shortest run worth noting on a displacement that is followed anyway.
    shortest: usize,
    /// Inside a run at least this long nothing else is looked for, but for its last bytes.
    settled: usize,
    /// So narrow a gap between two runs of one displacement has room for nothing else.
    narrow: usize,
    /// The furthest end of the runs that cover each byte of the segment.
    reach: &'a mut Vec<u32>,
}

impl<'a> Runs<'a> {
    /// Begins with a segment of `len` bytes. A run is noted from `shortest` bytes on, and nothing else is looked for in one
    /// of `settled` bytes. `reach` is memory to work in.
    pub(in crate::delta) fn new(
        shortest: usize,
        settled: usize,
        narrow: usize,
        len: usize,
        reach: &'a mut Vec<u32>,
    ) -> Self {
        reach.clear();
        reach.resize(len, 0);
        Runs { shortest, settled, narrow, reach }
    }

    fn note(&mut self, search: &mut Search<'_, '_>, range: Range<usize>, displacement: i64) {
        let end = range.end as u32;
        self.reach[range.clone()].iter_mut().for_each(|reach| *reach = (*reach).max(end));
        if range.len() >= self.settled {
            search.settle(range.start..range.end - UNSETTLED_TAIL);
        }
        search.note(range, displacement);
    }

    /// Whether a run of `len` bytes at `start` is worth noting: long enough, and not within one that is noted already.
    fn adds(&self, start: usize, len: usize) -> bool {
        len >= self.shortest && (self.reach[start] as usize) < start + len
    }

    /// Notes every run along `displacement` in `range`, until none came for `give_up` bytes.
    fn follow_on(
        &mut self,
        search: &mut Search<'_, '_>,
        displacement: i64,
        range: Range<usize>,
        give_up: usize,
    ) {
        let (bytes, tail) = (&search.bytes[range.clone()], search.tail(range.start, displacement));
        let len = bytes.len().min(tail.len());
        let (mut at, mut last) = (0, 0);
        while at < len && at - last <= give_up {
            let probe = at + self.shortest - 1;
            if probe < len && bytes[probe] != tail[probe] {
                // No run that is long enough begins before what comes after this byte.
                at = (probe + 1).min(last + give_up + 1);
                continue;
            }
            let run = common_prefix(&bytes[at..len], &tail[at..len]);
            if self.adds(range.start + at, run) {
                if last > 0 && at - last < self.narrow {
                    search.settle(range.start + last..range.start + at);
                }
                self.note(search, range.start + at..range.start + at + run, displacement);
                last = at + run;
            }
            at += run + 1;
        }
        search.remember(displacement, range.start + at, at);
    }

    /// Notes the runs along `displacement` before `end`, going backward, until none came for a while.
    fn follow_back(&mut self, search: &mut Search<'_, '_>, displacement: i64, end: usize) {
        let bytes = &search.bytes[end.saturating_sub(BACKWARD)..end];
        let head = search.head(end, displacement);
        let len = bytes.len().min(head.len());
        let (bytes, head) = (&bytes[bytes.len() - len..], &head[head.len() - len..]);
        let (mut left, mut last) = (len, len);
        while left > 0 && last - left <= GIVE_UP {
            let probe = left.checked_sub(self.shortest);
            if let Some(probe) = probe.filter(|&probe| bytes[probe] != head[probe]) {
                left = probe;
                continue;
            }
            let run = common_suffix(&bytes[..left], &head[..left]);
            let start = end - len + left - run;
            if self.adds(start, run) {
                self.note(search, start..start + run, displacement);
                last = left - run;
            }
            left = left.saturating_sub(run + 1);
        }
    }
}

/// How many of the bytes before `at` of the segment are the last ones of `head`.
fn behind(search: &Search<'_, '_>, at: usize, head: &[u8]) -> usize {
    common_suffix(&search.bytes[at.saturating_sub(BACKWARD)..at], head)
}

impl Following for Runs<'_> {
    fn bridge(&mut self, _: &mut Search<'_, '_>, _: i64) {}

    fn walk(&mut self, search: &mut Search<'_, '_>, displacement: i64, range: Range<usize>) {
        self.follow_on(search, displacement, range, GIVE_UP_GUESS);
    }

    fn weigh(&mut self, search: &mut Search<'_, '_>, candidate: &Candidate<'_>) -> Option<usize> {
        let Candidate { at, offset, tail } = *candidate;
        if search.knows(search.displacement(at, offset), at) {
            return None;
        }
        let ahead = common_prefix(&search.bytes[at..], tail);
        Some(behind(search, at, search.base.head(offset)) + ahead)
    }

    fn follow(&mut self, search: &mut Search<'_, '_>, displacement: i64, at: usize) {
        let start = at - behind(search, at, search.head(at, displacement));
        if search.is_spent() {
            let run = common_prefix(&search.bytes[at..], search.tail(at, displacement));
            return self.note(search, start..at + run, displacement);
        }
        self.follow_back(search, displacement, start);
        self.follow_on(search, displacement, start..search.bytes.len(), GIVE_UP);
    }
}
