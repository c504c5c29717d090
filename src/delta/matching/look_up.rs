//! Matches by seeds: looked up in the partner and in the whole base wherever no match is good enough yet.

use std::ops::Range;

use super::super::extent::word;
use super::dense_index::{PartnerSeeds, SEED};
use super::partners::Partner;
use super::search::{Candidate, Following, Search};
use super::seed_index::{SEED as SPARSE_SEED, Samples, WINDOW};

/// So many seeds are hashed before the first of them is looked up: their cache misses overlap.
const AT_A_TIME: usize = 32;

impl<'a> Search<'a, '_> {
    /// Looks up the seeds of all bytes that are not settled: in their partner, and those that may be samples in the whole
    /// base.
    pub(super) fn look_up_everywhere(
        &mut self,
        following: &mut impl Following,
        partners: &[Partner],
    ) {
        let mut samples = Samples::default();
        let (dense, len, mut at) = (self.dense, self.bytes.len(), 0);
        for partner in partners {
            let start = partner.range.start.saturating_sub(self.origin).clamp(at, len);
            let end = partner.range.end.saturating_sub(self.origin).clamp(start, len);
            let seeds = dense.and_then(|dense| dense.seeds_of(partner.content));
            self.look_up_samples(following, &mut samples, at..start);
            match seeds {
                Some(seeds) => self.look_up_all(following, &mut samples, start..end, &seeds),
                None => self.look_up_samples(following, &mut samples, start..end),
            }
            at = end;
        }
        self.look_up_samples(following, &mut samples, at..len);
    }

    /// Looks up the samples that start in `range`.
    fn look_up_samples(
        &mut self,
        following: &mut impl Following,
        samples: &mut Samples,
        range: Range<usize>,
    ) {
        let mut start = range.start;
        loop {
            start += self.settled_run(start..range.end);
            let end = start + self.unsettled_run(start..range.end.min(start + WINDOW));
            if start == end {
                return;
            }
            self.sample(samples, start..end);
            for &(hash, place) in samples.found() {
                let at = start + place as usize;
                if !self.is_settled(at) {
                    let places = self.seeds.positions(hash);
                    let places = places.map(|offset| (offset, self.base.tail(offset)));
                    self.follow_best(following, at, places);
                }
            }
            start = end;
        }
    }

    /// Looks up what starts in `range`, which has a partner with these `seeds`.
    fn look_up_all(
        &mut self,
        following: &mut impl Following,
        samples: &mut Samples,
        range: Range<usize>,
        seeds: &PartnerSeeds<'a, '_>,
    ) {
        for start in range.clone().step_by(WINDOW) {
            let end = range.end.min(start + WINDOW);
            if self.settled_run(start..end) == end - start {
                continue;
            }
            self.sample(samples, start..end);
            let mut sparse = samples.found().iter().peekable();
            for first in (start..end).step_by(AT_A_TIME) {
                let some = first..end.min(first + AT_A_TIME);
                let hashes = self.hashes(some.clone(), seeds);
                for (at, hash) in some.zip(hashes) {
                    let sample = sparse.next_if(|(_, place)| start + *place as usize == at);
                    if self.is_settled(at) {
                        continue;
                    }
                    let (index, base) = (self.seeds, self.base);
                    let dense = hash.into_iter().flat_map(|hash| seeds.found(hash));
                    let sparse = sample.into_iter().flat_map(|(hash, _)| index.positions(*hash));
                    let sparse = sparse.map(|offset| (offset, base.tail(offset)));
                    self.follow_best(following, at, dense.chain(sparse));
                }
            }
        }
    }

    /// Collects the samples that start in `range`.
    fn sample(&self, samples: &mut Samples, range: Range<usize>) {
        let until = self.bytes.len().min(range.end + SPARSE_SEED - 1);
        self.seeds.samples(&self.bytes[range.start..until], samples);
    }

    /// The hashes of the seeds that start in `range`, where nothing is settled.
    fn hashes(
        &self,
        range: Range<usize>,
        seeds: &PartnerSeeds<'_, '_>,
    ) -> [Option<u64>; AT_A_TIME] {
        let mut hashes = [None; AT_A_TIME];
        for (hash, at) in hashes.iter_mut().zip(range) {
            if !self.is_settled(at) && at + SEED <= self.bytes.len() {
                *hash = seeds.hash(&self.bytes[at..]);
            }
        }
        hashes
    }

    /// Follows the displacement that is worth most of those of `places` in the base, each with what the base has from there
    /// on, to byte `at` of the segment.
    fn follow_best(
        &mut self,
        following: &mut impl Following,
        at: usize,
        places: impl Iterator<Item = (u64, &'a [u8])>,
    ) {
        let bytes = self.bytes;
        let mut best = None;
        for (offset, tail) in places {
            // Most candidates that are none are told here, without a call.
            if tail.len() < 8 || word(&bytes[at..], 0) != word(tail, 0) {
                continue;
            }
            if let Some(worth) = following.weigh(self, &Candidate { at, offset, tail })
                && best.is_none_or(|(most, _)| worth > most)
            {
                best = Some((worth, offset));
            }
        }
        if let Some((_, offset)) = best {
            following.follow(self, self.displacement(at, offset), at);
        }
    }
}
