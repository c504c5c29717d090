//! Covers for all targets: pair, index, find lanes, choose, put together.

use std::collections::TryReserveError;
use std::ops::Range;

use rayon::prelude::*;

use super::super::cells::{certain_covers, is_certain};
use super::super::join::join;
use super::super::matching::{
    DenseIndex, Hints, Lanes, Match, Pairing, Partner, Searcher, Span, Survey, partners,
    partners_in,
};
use super::super::tar_entries::{TarEntry, tar_entries};
use super::super::ways::Ways;
use super::super::{Advance, Base, Cover, Search};
use super::choice::{Segment, choose};
use super::cut::{batches, segments};
use super::prices::{CoverPrices, Prices};
use super::programs::is_searched_again;

/// One in how many bytes of memory the common index and the dense one may take. The rest is room to work in.
const SEEDS_SHARE: u64 = 4;
const DENSE_SHARE: u64 = 4;
/// One in how many seeds of the base is a sample where the base changed.
const SAMPLE_STEP: usize = 4;
/// From this effort on programs have a dense index also before their names are known.
const THOROUGH: u8 = 7;

/// The covers of some targets: found once for all dialects that write them.
pub struct Covers<'a> {
    base: &'a Base<'a>,
    targets: &'a [&'a [u8]],
    survey: Survey,
    partners: Vec<Vec<Partner>>,
    prices: CoverPrices,
    /// What a dense index may take, in bytes.
    dense_memory: u64,
}

impl<'a> Covers<'a> {
    /// Prepares to find covers of `targets` in `base`, for a stream in which they cost `prices`: this is where indexes are
    /// built. `advance` is told how many bytes of targets have been looked at.
    ///
    /// # Errors
    /// If the system does not give the memory for an index.
    pub fn new(
        base: &'a Base<'a>,
        targets: &'a [&'a [u8]],
        prices: CoverPrices,
        search: &Search,
        advance: &Advance<'_>,
    ) -> Result<Self, TryReserveError> {
        let index_memory = |_| search.memory / SEEDS_SHARE;
        let survey = Survey::new(base, targets, search.memory, SAMPLE_STEP, index_memory, advance)?;
        let Survey { known, pairings, seeds } = &survey;
        let partner =
            |(target, pairing): (&&[u8], &Pairing)| partners(base, known, seeds, target, pairing);
        let partners: Vec<Vec<Partner>> =
            targets.par_iter().zip(pairings).map(|(t, p)| partner((t, p))).collect();
        let dense_memory = search.memory / DENSE_SHARE;
        Ok(Covers { base, targets, survey, partners, prices, dense_memory })
    }

    /// The same, but programs are searched by the common index alone, unless effort is high: what moved where is known by that, and
    /// so what [`covers_by_names`](super::covers_by_names) needs to choose their covers again.
    pub fn coarse_in_programs(mut self, search: &Search) -> Self {
        if search.effort.level() >= THOROUGH {
            return self;
        }
        for (target, partners) in self.targets.iter().zip(&mut self.partners) {
            partners.retain(|Partner { range, content }| {
                let old = self.survey.known.contents()[*content as usize].bytes(self.base);
                !is_searched_again(old, &target[range.clone()], search)
            });
        }
        self
    }

    /// Returns the covers of target number `index`, in order; they do not overlap, and two that could be one are one.
    /// The same for any number of threads. `advance` is told how many bytes of the target are done.
    ///
    /// # Errors
    /// If the system does not give the memory for an index.
    pub fn of_target(
        &self,
        index: usize,
        advance: &Advance<'_>,
    ) -> Result<Vec<Cover>, TryReserveError> {
        let (target, pairing) = (self.targets[index], &self.survey.pairings[index]);
        let certain: Vec<&Span> = pairing.spans.iter().filter(|span| is_certain(span)).collect();
        let passed = self.passed_over(target, &certain);
        let batches =
            batches(&self.survey.known, &self.partners[index], self.dense_memory, target.len());
        let (mut covers, mut seams, mut at) = (Vec::new(), Vec::new(), 0);
        for batch in batches {
            if !advance(0) {
                break;
            }
            let dense = self.dense(&self.partners[index][batch.partners])?;
            let segments = segments(at..batch.end, &passed);
            let work = |memory: &mut Memory, segment: &Range<usize>| {
                if !advance(0) {
                    return Vec::new();
                }
                let covers = self.segment(index, segment.clone(), &dense, memory);
                advance(segment.len() as u64);
                covers
            };
            let found: Vec<Vec<Cover>> =
                segments.par_iter().map_init(Memory::default, work).collect();
            covers.extend(found.into_iter().flatten());
            let is_seam =
                |end: &usize| passed.binary_search_by_key(end, |range| range.start).is_err();
            seams.extend(segments.iter().map(|segment| segment.end).filter(is_seam));
            at = batch.end;
        }
        covers.extend(certain_covers(&pairing.spans));
        covers.sort_unstable_by_key(|cover| cover.start);
        advance(certain.iter().map(|span| span.len as u64).sum());
        Ok(join(self.base, target, covers, &seams))
    }

    /// The stretches of `target` that are not searched, in order: those of the `certain` spans and, if the base is files,
    /// headers and padding. Files have nothing like these but by chance, and a way to such a chance costs more than the
    /// bytes do, which the headers before have alike.
    fn passed_over(&self, target: &[u8], certain: &[&Span]) -> Vec<Range<usize>> {
        let mut passed: Vec<Range<usize>> =
            certain.iter().map(|span| span.start..span.end()).collect();
        if self.base.is_of_files() {
            let around = |entry: TarEntry| {
                [entry.start..entry.content.start, entry.content.end..entry.end()]
            };
            passed.extend(tar_entries(target).flat_map(around).filter(|range| !range.is_empty()));
            passed.sort_unstable_by_key(|range| (range.start, range.end));
        }
        passed
    }

    /// Indexes the contents that `partners` name.
    fn dense(&self, partners: &[Partner]) -> Result<DenseIndex<'a>, TryReserveError> {
        let mut numbers: Vec<u32> = partners.iter().map(|partner| partner.content).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let content = |number: u32| (number, &self.survey.known.contents()[number as usize]);
        let contents: Vec<_> = numbers.into_iter().map(content).collect();
        DenseIndex::new(self.base, &contents, self.dense_memory)
    }

    /// The slice of the base that has the content of `partner`.
    fn slice_of(&self, partner: &Partner) -> usize {
        self.survey.known.contents()[partner.content as usize].slice
    }

    fn segment(
        &self,
        index: usize,
        segment: Range<usize>,
        dense: &DenseIndex<'a>,
        memory: &mut Memory,
    ) -> Vec<Cover> {
        let (target, pairing) = (self.targets[index], &self.survey.pairings[index]);
        let Memory { settled, ways, literals } = memory;
        let (base, seeds) = (self.base, &self.survey.seeds);
        let before = pairing.span_before(&segment).map(Span::displacement);
        let after = pairing.span_after(&segment).map(Span::displacement);
        let hints = Hints {
            bridge: before.filter(|_| before == after),
            spans: pairing.spans_in(&segment),
            guesses: pairing.guesses_in(&segment),
            partners: partners_in(&self.partners[index], &segment),
        };
        let searcher = Searcher { base, seeds, dense: Some(dense), target };
        let lanes = searcher.find(segment.clone(), &hints, &mut Lanes::default(), settled);
        let origin = segment.start;
        let bytes = &target[segment];
        let tail = |at: usize, displacement: i64| {
            let place = base.locate(((origin + at) as i64 + displacement) as u64);
            place.map_or((0, &[][..]), |(slice, place)| (slice, &base.slices()[slice][place..]))
        };
        let slice = hints.partners.first().map(|partner| self.slice_of(partner));
        let displacement = before.unwrap_or(0);
        let part = Segment { bytes, lanes: &lanes, displacement, slice };
        let presumed = Prices::presumed(&self.prices);
        let pieces = choose(&part, tail, &presumed, ways);
        literals.clear();
        collect_literals(bytes, &pieces, literals);
        let taught = presumed.taught(&self.prices, literals);
        let pieces = match taught.is_near(&presumed) {
            true => pieces,
            false => choose(&part, tail, &taught, ways),
        };
        pieces.iter().map(|piece| piece.cover(origin)).collect()
    }
}

impl std::fmt::Debug for Covers<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Covers").finish_non_exhaustive()
    }
}

/// Memory that a segment's work needs for a while, left to the next one's.
#[derive(Default)]
struct Memory {
    settled: Vec<u8>,
    ways: Ways,
    literals: Vec<u8>,
}

fn collect_literals(bytes: &[u8], pieces: &[Match], literals: &mut Vec<u8>) {
    let mut at = 0;
    for piece in pieces {
        literals.extend_from_slice(&bytes[at..piece.start as usize]);
        at = piece.end as usize;
    }
    literals.extend_from_slice(&bytes[at..]);
}
