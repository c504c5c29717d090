//! Lanes: matches with changed bytes in them, for dialects that add.
//!
//! A lane goes on while equal bytes outweigh changed ones, as bsdiff's matches do, and ends where their balance was best.

use std::ops::Range;

use super::super::extent::{common_prefix, word};
use super::agreement::Agreement;
use super::balance::{GIVE_UP, backward, forward};
use super::dense_index::SEED;
use super::found::Match;
use super::search::{Candidate, Following, Search};

/// How far a lane grows backward.
const BACKWARD: usize = 1024;
/// Around a byte inside a lane, of this many bytes
const AROUND: usize = u32::BITS as usize;
/// (so many of them after it)
const BEHIND: usize = AROUND / 2;
/// so many are equal where no other lane is looked for.
const SETTLED: u32 = 22;
/// A candidate that is only compared is given up if its balance of equal and changed bytes falls so far below its best.
const GIVE_UP_TRIAL: i32 = 16;
/// Candidates are compared over so many bytes.
const TRIAL: usize = 256;
/// A candidate with a lower balance is no lane: the way to it and back costs more.
const BALANCE_MIN: i32 = 24;
/// A candidate's first run must have so many bytes more in common than the lane at hand has in the same place.
const BETTER_BY: usize = 6;

/// Finds lanes in one segment.
#[derive(Default)]
pub(in crate::delta) struct Lanes {
    /// The lane found last.
    current: Option<Match>,
    /// The byte at which candidates were compared last, and which bytes from there on the current lane has as they are.
    at_hand: Option<(usize, Agreement)>,
}

impl Lanes {
    /// Notes the lane that goes through `at`. Returns up to where it was followed.
    fn lane(&mut self, search: &mut Search<'_, '_>, displacement: i64, at: usize) -> usize {
        let extent = forward(&search.bytes[at..], search.tail(at, displacement), GIVE_UP);
        let floor = at.saturating_sub(BACKWARD);
        let behind = backward(&search.bytes[floor..at], search.head(at, displacement));
        // A lane is in one slice of the base.
        let tail = search.tail(at - behind, displacement);
        let behind = if tail.len() >= behind + extent.best { behind } else { 0 };
        let until = at + extent.seen.max(extent.best);
        search.remember(displacement, until, extent.seen + behind);
        if behind + extent.best > 0 {
            let lane = search.note(at - behind..at + extent.best, displacement);
            settle(search, lane);
        }
        until
    }

    /// Whether `run` equal bytes from `at` on are more than those of the current lane in the same place.
    fn is_better(&mut self, search: &Search<'_, '_>, at: usize, run: usize) -> bool {
        let Some(lane) = self.current.filter(|lane| lane.end as usize > at) else { return true };
        if self.at_hand.as_ref().is_none_or(|(of, _)| *of != at) {
            let bytes = &search.bytes[at..lane.end as usize];
            self.at_hand = Some((at, Agreement::of(bytes, search.tail(at, lane.displacement))));
        }
        let at_hand = self.at_hand.as_ref().map_or(0, |(_, lane)| lane.equal_of(run));
        run >= at_hand + BETTER_BY
    }
}

impl Following for Lanes {
    /// A few changed bytes, as those of a time in a header, are likelier than a gap.
    fn bridge(&mut self, search: &mut Search<'_, '_>, displacement: i64) {
        let end = search.bytes.len();
        if search.tail(0, displacement).len() >= end {
            let lane = search.note(0..end, displacement);
            settle(search, lane);
        }
        self.current = search.matches.last().copied();
    }

    fn walk(&mut self, search: &mut Search<'_, '_>, displacement: i64, range: Range<usize>) {
        let Range { start: mut at, end } = range;
        while at + SEED <= end && !search.is_spent() {
            let bytes = &search.bytes[at..end];
            let (place, looks) = first_equal_seed(bytes, search.tail(at, displacement));
            search.pay(looks);
            let Some(place) = place else { break };
            at = self.lane(search, displacement, at + place).max(at + place + SEED);
        }
        self.current = search.matches.last().copied();
    }

    fn weigh(&mut self, search: &mut Search<'_, '_>, candidate: &Candidate<'_>) -> Option<usize> {
        let Candidate { at, offset, tail } = *candidate;
        let bytes = &search.bytes[at..];
        let run = Agreement::of(bytes, tail).equal(0);
        let is_new = !search.is_spent()
            && self.is_better(search, at, run)
            && !search.knows(search.displacement(at, offset), at);
        if !is_new {
            return None;
        }
        let extent = forward(&bytes[..bytes.len().min(TRIAL)], tail, GIVE_UP_TRIAL);
        search.pay(extent.seen);
        (extent.balance >= BALANCE_MIN).then_some(extent.balance as usize)
    }

    fn follow(&mut self, search: &mut Search<'_, '_>, displacement: i64, at: usize) {
        self.lane(search, displacement, at);
        self.current = search.matches.last().copied();
    }
}

/// The first place where a seed of `a` and `b` is equal, and at how many it was not.
fn first_equal_seed(a: &[u8], b: &[u8]) -> (Option<usize>, usize) {
    let len = a.len().min(b.len());
    let (mut at, mut looks) = (0, 0);
    while at + SEED <= len {
        let different = word(a, at) ^ word(b, at);
        if different == 0 {
            return (Some(at), looks);
        }
        // On to behind the last byte that differs.
        at += SEED - (different.leading_zeros() / 8) as usize;
        looks += 1;
    }
    (None, looks)
}

/// Settles the bytes of `lane` around which most are equal.
fn settle(search: &mut Search<'_, '_>, lane: Match) {
    let (start, end) = (lane.start as usize, lane.end as usize);
    let (bytes, tail) = (&search.bytes[start..end], search.tail(start, lane.displacement));
    let mut equal = 0u32;
    let mut tell = |search: &mut Search<'_, '_>, place: usize, is_equal: bool| {
        equal = equal << 1 | u32::from(is_equal);
        if place + 1 >= AROUND && equal.count_ones() >= SETTLED {
            let at = start + place + 1 - BEHIND;
            search.settle(at..at + 1);
        }
    };
    let mut at = 0;
    while at < bytes.len() {
        let run = common_prefix(&bytes[at..], &tail[at..]);
        (at..at + run.min(AROUND)).for_each(|place| tell(search, place, true));
        if run > AROUND {
            search.settle(start + at + AROUND + 1 - BEHIND..start + at + run + 1 - BEHIND);
        }
        at += run;
        if at < bytes.len() {
            tell(search, at, false);
        }
        at += 1;
    }
}
