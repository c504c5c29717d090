//! Lanes: displacements between target and base that hold for a stretch, changed bytes included.
//!
//! A lane goes on while equal bytes outweigh changed ones, as bsdiff's matches do, and ends where their balance was
//! best. Lanes come from what pairing found, and from seeds looked up wherever no lane is good.

use std::ops::Range;

use super::super::Base;
use super::super::extent::{common_prefix, word};
use super::super::matches::refill;
use super::super::pairing::{Guess, Span};
use super::super::seed_index::{SEED as SPARSE_SEED, Samples, SeedIndex, WINDOW};
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

/// A lane is given up if its balance of equal and changed bytes falls so far below its best.
const GIVE_UP: i32 = 32;
/// The same where candidates are only compared.
const GIVE_UP_TRIAL: i32 = 16;
/// Candidates are compared over so many bytes.
const TRIAL: usize = 256;
/// A candidate with a lower balance is no lane: the way to it and back costs more.
const BALANCE_MIN: i32 = 24;
/// A candidate's first run must have so many bytes more in common than the lane at hand has in the same place.
const BETTER_BY: usize = 6;
/// How far runs are compared for that.
const RUN: usize = 64;
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
    pub(super) dense: &'a DenseIndex,
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
        let mut lanes = search.lanes;
        lanes.sort_unstable_by_key(|lane| {
            (lane.start, std::cmp::Reverse(lane.end), lane.displacement)
        });
        lanes.dedup();
        lanes
    }
}

struct Search<'a, 's> {
    finder: &'s LaneFinder<'a>,
    bytes: &'a [u8],
    origin: usize,
    lanes: Vec<Lane>,
    /// 1 where a lane is good enough to look no further.
    settled: &'s mut Vec<u8>,
    /// Displacements followed lately and how far.
    followed: [(i64, usize); REMEMBERED],
    next_followed: usize,
    /// How many more bytes displacements may be followed.
    budget: usize,
}

/// How far a displacement holds.
struct Extent {
    /// Up to where its balance is best, in bytes.
    best: usize,
    balance: i32,
    /// How many bytes were looked at.
    seen: usize,
}

impl<'a> Search<'a, '_> {
    /// What the base has from where byte `at` of the segment comes from.
    fn tail(&self, at: usize, displacement: i64) -> &'a [u8] {
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
    fn follow(&mut self, displacement: i64, at: usize) -> usize {
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

    /// Looks up the seeds of all bytes that no lane has settled: in their partner, and those that may be samples in
    /// the whole base.
    fn look_up_everywhere(&mut self, partners: &[Partner]) {
        let mut partners = partners.iter().peekable();
        let mut samples = Samples::default();
        let mut current = self.lanes.last().copied();
        for start in (0..self.bytes.len()).step_by(WINDOW) {
            let end = self.bytes.len().min(start + WINDOW);
            if self.settled[start..end].iter().all(|&flag| flag != 0) {
                continue;
            }
            let until = self.bytes.len().min(end + SPARSE_SEED - 1);
            self.finder.seeds.samples(&self.bytes[start..until], &mut samples);
            let mut sparse = samples.found().iter().peekable();
            for at in start..end {
                let sample = sparse.next_if(|(_, place)| start + *place as usize == at);
                if self.settled[at] != 0 || at + SEED > self.bytes.len() || self.budget == 0 {
                    continue;
                }
                let place = self.origin + at;
                while partners.next_if(|partner| partner.range.end <= place).is_some() {}
                let partner = partners.peek().filter(|partner| partner.range.start <= place);
                let partner = partner.map(|partner| partner.content);
                if let Some(displacement) = self.best(at, partner, sample.map(|s| s.0), current) {
                    self.follow(displacement, at);
                    current = self.lanes.last().copied();
                }
            }
        }
    }

    /// The displacement that has most in common with the segment from `at` on, if that is enough for a lane beside
    /// `current`.
    fn best(
        &mut self,
        at: usize,
        partner: Option<u32>,
        sample: Option<u64>,
        current: Option<Lane>,
    ) -> Option<i64> {
        let finder = self.finder;
        let bytes = &self.bytes[at..];
        let current = current.filter(|lane| lane.end as usize > at);
        let dense = partner.into_iter().flat_map(|partner| finder.dense.positions(bytes, partner));
        let sparse = sample.into_iter().flat_map(|hash| finder.seeds.positions(hash));
        let mut best = (BALANCE_MIN - 1, None);
        for offset in dense.chain(sparse) {
            let displacement = offset as i64 - (self.origin + at) as i64;
            if self.followed.iter().any(|&(known, until)| known == displacement && at < until) {
                continue;
            }
            let tail = finder.base.tail(offset);
            let run = common_prefix(&bytes[..bytes.len().min(RUN)], tail);
            if run < SEED || current.is_some_and(|lane| run < self.equal(lane, at, run) + BETTER_BY)
            {
                continue;
            }
            let extent = forward(&bytes[..bytes.len().min(TRIAL)], tail, GIVE_UP_TRIAL);
            self.budget = self.budget.saturating_sub(extent.seen);
            if extent.balance > best.0 {
                best = (extent.balance, Some(displacement));
            }
        }
        best.1
    }

    /// How many of the `len` bytes from `at` on `lane` has as they are.
    fn equal(&self, lane: Lane, at: usize, len: usize) -> usize {
        let end = (at + len).min(lane.end as usize);
        let tail = self.tail(at, lane.displacement);
        self.bytes[at..end].iter().zip(tail).filter(|(a, b)| a == b).count()
    }
}

/// How far `a` goes along with `b`, until the balance falls `give_up` below its best.
fn forward(a: &[u8], b: &[u8], give_up: i32) -> Extent {
    let len = a.len().min(b.len());
    let (mut at, mut balance) = (0usize, 0i32);
    let mut extent = Extent { best: 0, balance: 0, seen: 0 };
    while at < len {
        let equal = common_prefix(&a[at..len], &b[at..len]);
        at += equal;
        balance = balance.saturating_add(i32::try_from(equal).unwrap_or(i32::MAX));
        if balance > extent.balance {
            (extent.best, extent.balance) = (at, balance);
        }
        if balance < extent.balance - give_up {
            break;
        }
        at += 1;
        balance -= 1;
    }
    extent.seen = at.min(len);
    extent
}

/// How far `a` goes along with `b` from their ends backward.
fn backward(a: &[u8], b: &[u8]) -> usize {
    let (mut balance, mut most, mut best) = (0i32, 0, 0);
    for (len, (x, y)) in a.iter().rev().zip(b.iter().rev()).enumerate() {
        balance += if x == y { 1 } else { -1 };
        if balance > most {
            (most, best) = (balance, len + 1);
        }
        if balance < most - GIVE_UP {
            break;
        }
    }
    best
}
