//! Lanes: displacements between target and base that hold for a stretch, changed bytes included.
//!
//! A lane goes on while equal bytes outweigh changed ones, as bsdiff's matches do, and ends where their balance was
//! best. Lanes come from what pairing found, and from seeds looked up (`look_up.rs`) wherever no lane is good.

use std::cmp::Reverse;
use std::ops::Range;

use super::super::Base;
use super::super::extent::{common_prefix, word};
use super::super::matches::refill;
use super::super::pairing::{Guess, Span};
use super::super::seed_index::SeedIndex;
use super::balance::{GIVE_UP, backward, forward};
use super::dense_index::{DenseIndex, SEED};
use super::partners::Partner;

/// A stretch of a segment that goes along with the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lane {
    /// Where it starts, counted from the start of the segment.
    pub(super) start: u32,
    /// Where it ends, counted likewise.
    pub(super) end: u32,
    /// Base position minus target position.
    pub(super) displacement: i64,
}

/// How far a lane grows backward.
const BACKWARD: usize = 1024;
/// Around a byte inside a lane, of this many bytes
const AROUND: usize = u32::BITS as usize;
/// (so many of them after it)
const BEHIND: usize = AROUND / 2;
/// so many are equal where no other lane is looked for.
const SETTLED: u32 = 22;
/// Displacements are followed for so many bytes in all for each byte of a segment.
const FOLLOWED_PER_BYTE: usize = 64;
/// Displacements remembered as followed.
const REMEMBERED: usize = 32;

/// Finds the lanes of one segment.
pub(super) struct LaneFinder<'a> {
    pub(super) base: &'a Base<'a>,
    pub(super) seeds: &'a SeedIndex,
    pub(super) dense: &'a DenseIndex<'a>,
    pub(super) target: &'a [u8],
}

/// What pairing says of a segment.
pub(super) struct Hints<'a> {
    /// The displacement of the certain span that ends where the segment starts.
    pub(super) before: Option<i64>,
    /// The same of that which starts where the segment ends.
    pub(super) after: Option<i64>,
    pub(super) spans: &'a [Span],
    pub(super) guesses: &'a [Guess],
    pub(super) partners: &'a [Partner],
}

impl<'a> LaneFinder<'a> {
    /// Returns the lanes in `segment` of the target, by start. `settled` is memory to work in.
    pub(super) fn find(
        &self,
        segment: Range<usize>,
        hints: &Hints<'_>,
        settled: &mut Vec<u8>,
    ) -> Vec<Lane> {
        refill(settled, segment.len(), 0);
        let mut search = Search {
            finder: self,
            bytes: &self.target[segment.clone()],
            origin: segment.start,
            lanes: Vec::new(),
            settled,
            followed: [(0, 0); REMEMBERED],
            next_followed: 0,
            budget: FOLLOWED_PER_BYTE * segment.len(),
        };
        if let Some(displacement) = hints.before.filter(|_| hints.before == hints.after) {
            search.bridge(displacement);
        }
        for span in hints.spans {
            search.walk(span.displacement(), span.start..span.end());
        }
        for guess in hints.guesses {
            search.walk(guess.displacement, guess.range.clone());
        }
        search.look_up_everywhere(hints.partners);
        merged(search.lanes)
    }
}

/// A search under way.
pub(super) struct Search<'a, 's> {
    pub(super) finder: &'s LaneFinder<'a>,
    pub(super) bytes: &'a [u8],
    pub(super) origin: usize,
    pub(super) lanes: Vec<Lane>,
    /// 1 where a lane is good enough to look no further.
    pub(super) settled: &'s mut Vec<u8>,
    /// Displacements followed lately and how far.
    followed: [(i64, usize); REMEMBERED],
    next_followed: usize,
    /// How many more bytes displacements may be followed.
    pub(super) budget: usize,
}

impl<'a> Search<'a, '_> {
    /// What the base has from where byte `at` of the segment comes from.
    pub(super) fn tail(&self, at: usize, displacement: i64) -> &'a [u8] {
        let source = u64::try_from((self.origin + at) as i64 + displacement);
        source.map_or(&[], |source| self.finder.base.tail(source))
    }

    fn head(&self, at: usize, displacement: i64) -> &'a [u8] {
        let source = u64::try_from((self.origin + at) as i64 + displacement);
        source.map_or(&[], |source| self.finder.base.head(source))
    }

    /// Notes a lane over the whole segment: what is before and after it goes along with the base, so a few changed bytes,
    /// as those of a time in a header, are likelier than a gap.
    fn bridge(&mut self, displacement: i64) {
        let end = self.bytes.len();
        if self.tail(0, displacement).len() >= end {
            let lane = Lane { start: 0, end: end as u32, displacement };
            self.lanes.push(lane);
            self.settle(lane);
        }
    }

    /// Notes all lanes of one displacement in `range` of the target, as far as that is in the segment.
    fn walk(&mut self, displacement: i64, range: Range<usize>) {
        let mut at = range.start.max(self.origin) - self.origin;
        let end = range.end.saturating_sub(self.origin).min(self.bytes.len());
        while at + SEED <= end && self.budget > 0 {
            let tail = self.tail(at, displacement);
            if tail.len() < SEED {
                return;
            }
            let different = word(self.bytes, at) ^ word(tail, 0);
            if different != 0 {
                // On to behind the last byte that differs.
                at += SEED - (different.leading_zeros() / 8) as usize;
                self.budget = self.budget.saturating_sub(1);
                continue;
            }
            at = self.follow(displacement, at).max(at + SEED);
        }
    }

    /// Notes the lane that goes through `at`. Returns up to where it was followed.
    pub(super) fn follow(&mut self, displacement: i64, at: usize) -> usize {
        let extent = forward(&self.bytes[at..], self.tail(at, displacement), GIVE_UP);
        let floor = at.saturating_sub(BACKWARD);
        let behind = backward(&self.bytes[floor..at], self.head(at, displacement));
        // A lane is in one slice of the base.
        let tail = self.tail(at - behind, displacement);
        let behind = if tail.len() >= behind + extent.best { behind } else { 0 };
        self.budget = self.budget.saturating_sub(extent.seen + behind);
        let lane =
            Lane { start: (at - behind) as u32, end: (at + extent.best) as u32, displacement };
        if lane.end > lane.start {
            self.lanes.push(lane);
            self.settle(lane);
        }
        let until = at + extent.seen.max(extent.best);
        self.followed[self.next_followed] = (displacement, until);
        self.next_followed = (self.next_followed + 1) % REMEMBERED;
        until
    }

    /// Whether `displacement` was followed lately beyond `at`.
    pub(super) fn knows(&self, displacement: i64, at: usize) -> bool {
        self.followed.iter().any(|&(known, until)| known == displacement && at < until)
    }

    /// Marks the bytes of `lane` around which most are equal.
    fn settle(&mut self, lane: Lane) {
        let (start, end) = (lane.start as usize, lane.end as usize);
        let (bytes, tail) = (&self.bytes[start..end], self.tail(start, lane.displacement));
        let settled = &mut self.settled[start..end];
        let mut equal = 0u32;
        let mut tell = |settled: &mut [u8], place: usize, is_equal: bool| {
            equal = equal << 1 | u32::from(is_equal);
            if place + 1 >= AROUND && equal.count_ones() >= SETTLED {
                settled[place + 1 - BEHIND] = 1;
            }
        };
        let mut at = 0;
        while at < bytes.len() {
            let run = common_prefix(&bytes[at..], &tail[at..]);
            (at..at + run.min(AROUND)).for_each(|place| tell(settled, place, true));
            if run > AROUND {
                settled[at + AROUND + 1 - BEHIND..at + run + 1 - BEHIND].fill(1);
            }
            at += run;
            if at < bytes.len() {
                tell(settled, at, false);
            }
            at += 1;
        }
    }
}

/// The same lanes by start, those of one displacement that overlap or meet made one.
fn merged(mut lanes: Vec<Lane>) -> Vec<Lane> {
    lanes.sort_unstable_by_key(|lane| (lane.displacement, lane.start));
    let mut merged: Vec<Lane> = Vec::with_capacity(lanes.len());
    for lane in lanes {
        match merged.last_mut() {
            Some(last) if last.displacement == lane.displacement && last.end >= lane.start => {
                last.end = last.end.max(lane.end);
            }
            _ => merged.push(lane),
        }
    }
    merged.sort_unstable_by_key(|lane| (lane.start, Reverse(lane.end), lane.displacement));
    merged
}
