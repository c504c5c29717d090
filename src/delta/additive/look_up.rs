//! Lanes by seeds: looked up in the partner and in the whole base wherever no lane is good yet.

use std::ops::Range;

use super::super::seed_index::{SEED as SPARSE_SEED, Samples, WINDOW};
use super::agreement::Agreement;
use super::balance::forward;
use super::dense_index::{PartnerSeeds, SEED};
use super::lanes::{Lane, Search};
use super::partners::Partner;

/// A candidate that is only compared is given up if its balance of equal and changed bytes falls so far below its best.
const GIVE_UP_TRIAL: i32 = 16;
/// Candidates are compared over so many bytes.
const TRIAL: usize = 256;
/// A candidate with a lower balance is no lane: the way to it and back costs more.
const BALANCE_MIN: i32 = 24;
/// A candidate's first run must have so many bytes more in common than the lane at hand has in the same place.
const BETTER_BY: usize = 6;
/// So many seeds are hashed before the first of them is looked up: their cache misses overlap.
const AT_A_TIME: usize = 32;

impl<'a> Search<'a, '_> {
    /// Looks up the seeds of all bytes that no lane has settled: in their partner, and those that may be samples in
    /// the whole base.
    pub(super) fn look_up_everywhere(&mut self, partners: &[Partner]) {
        let mut looks = LookUp { samples: Samples::default(), current: self.lanes.last().copied() };
        let (finder, len, mut at) = (self.finder, self.bytes.len(), 0);
        for partner in partners {
            let start = partner.range.start.saturating_sub(self.origin).clamp(at, len);
            let end = partner.range.end.saturating_sub(self.origin).clamp(start, len);
            looks.in_range(self, at..start, None);
            looks.in_range(self, start..end, finder.dense.seeds_of(partner.content).as_ref());
            at = end;
        }
        looks.in_range(self, at..len, None);
    }
}

/// The state of looking up.
struct LookUp {
    samples: Samples,
    /// The lane found last.
    current: Option<Lane>,
}

impl LookUp {
    /// Looks up what starts in `range`, which has one partner or none.
    fn in_range<'a>(
        &mut self,
        search: &mut Search<'a, '_>,
        range: Range<usize>,
        partner: Option<&PartnerSeeds<'a, '_>>,
    ) {
        for start in range.clone().step_by(WINDOW) {
            let end = range.end.min(start + WINDOW);
            if search.settled[start..end].iter().all(|&flag| flag != 0) {
                continue;
            }
            let until = search.bytes.len().min(end + SPARSE_SEED - 1);
            search.finder.seeds.samples(&search.bytes[start..until], &mut self.samples);
            let mut samples = 0;
            for first in (start..end).step_by(AT_A_TIME) {
                let some = first..end.min(first + AT_A_TIME);
                let dense = partner.map(|partner| (partner, hashes(search, some.clone(), partner)));
                for at in some.clone() {
                    let sample = self.samples.found().get(samples);
                    let sample = sample.filter(|(_, place)| start + *place as usize == at);
                    let sample = sample.map(|&(hash, _)| hash);
                    samples += usize::from(sample.is_some());
                    if search.settled[at] != 0 || search.budget == 0 {
                        continue;
                    }
                    let seed = dense
                        .as_ref()
                        .and_then(|(partner, hashes)| Some((*partner, hashes[at - some.start]?)));
                    if let Some(displacement) = self.best(search, at, seed, sample) {
                        search.follow(displacement, at);
                        self.current = search.lanes.last().copied();
                    }
                }
            }
        }
    }

    /// The displacement that has most in common with the segment from `at` on, if that is enough for a lane beside the
    /// current one.
    fn best<'a>(
        &self,
        search: &mut Search<'a, '_>,
        at: usize,
        seed: Option<(&PartnerSeeds<'a, '_>, u64)>,
        sample: Option<u64>,
    ) -> Option<i64> {
        let finder = search.finder;
        let bytes = &search.bytes[at..];
        let current = self.current.filter(|lane| lane.end as usize > at);
        let at_hand = current.map(|lane| search.agreement(lane, at));
        let dense = seed.into_iter().flat_map(|(partner, hash)| partner.found(hash));
        let sparse = sample.into_iter().flat_map(|hash| finder.seeds.positions(hash));
        let sparse = sparse.map(|offset| (offset, finder.base.tail(offset)));
        let mut best = (BALANCE_MIN - 1, None);
        for (offset, tail) in dense.chain(sparse) {
            let displacement = offset as i64 - (search.origin + at) as i64;
            let run = Agreement::of(bytes, tail).equal(0);
            let is_better = |lane: &Agreement| run >= lane.equal_of(run) + BETTER_BY;
            if run < SEED
                || at_hand.as_ref().is_some_and(|lane| !is_better(lane))
                || search.knows(displacement, at)
            {
                continue;
            }
            let extent = forward(&bytes[..bytes.len().min(TRIAL)], tail, GIVE_UP_TRIAL);
            search.budget = search.budget.saturating_sub(extent.seen);
            if extent.balance > best.0 {
                best = (extent.balance, Some(displacement));
            }
        }
        best.1
    }
}

/// The hashes of the seeds that start in `range`, where no lane has settled the byte.
fn hashes(
    search: &Search<'_, '_>,
    range: Range<usize>,
    partner: &PartnerSeeds<'_, '_>,
) -> [Option<u64>; AT_A_TIME] {
    let mut hashes = [None; AT_A_TIME];
    for (hash, at) in hashes.iter_mut().zip(range) {
        if search.settled[at] == 0 && at + SEED <= search.bytes.len() {
            *hash = partner.hash(&search.bytes[at..]);
        }
    }
    hashes
}

impl Search<'_, '_> {
    /// Which of the bytes from `at` on `lane` has as they are.
    fn agreement(&self, lane: Lane, at: usize) -> Agreement {
        Agreement::of(&self.bytes[at..lane.end as usize], self.tail(at, lane.displacement))
    }
}
