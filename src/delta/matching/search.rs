//! The state of a segment's search, and what differs in it between dialects: how a displacement is followed.

use std::ops::Range;

use super::super::Base;
use super::super::extent::word;
use super::dense_index::DenseIndex;
use super::found::Match;
use super::seed_index::SeedIndex;

/// Displacements are followed for so many bytes in all for each byte of a segment: real images need a few, hostile ones
/// could have any number of displacements that all look promising.
const FOLLOWED_PER_BYTE: usize = 64;
/// Displacements remembered as followed.
const REMEMBERED: usize = 8;
/// The mark of a byte that a match has well enough to look for no other.
const SETTLED: u8 = 0xff;

/// A search under way.
pub(in crate::delta) struct Search<'a, 's> {
    pub(super) base: &'a Base<'a>,
    pub(super) seeds: &'a SeedIndex,
    pub(super) dense: Option<&'a DenseIndex<'a>>,
    pub(super) bytes: &'a [u8],
    /// Where the segment starts in the target.
    pub(super) origin: usize,
    pub(super) matches: Vec<Match>,
    settled: &'s mut [u8],
    /// Displacements followed lately and how far.
    followed: [(i64, usize); REMEMBERED],
    next_followed: usize,
    /// How many more bytes displacements may be followed.
    budget: usize,
}

impl<'a, 's> Search<'a, 's> {
    /// Begins with the segment `bytes` of the target, which starts at `origin` there. `settled` is memory to work in.
    pub(super) fn new(
        base: &'a Base<'a>,
        seeds: &'a SeedIndex,
        dense: Option<&'a DenseIndex<'a>>,
        bytes: &'a [u8],
        origin: usize,
        settled: &'s mut Vec<u8>,
    ) -> Self {
        settled.clear();
        settled.resize(bytes.len(), 0);
        Search {
            base,
            seeds,
            dense,
            bytes,
            origin,
            matches: Vec::new(),
            settled,
            followed: [(0, 0); REMEMBERED],
            next_followed: 0,
            budget: FOLLOWED_PER_BYTE * bytes.len(),
        }
    }

    /// What the base has from where byte `at` of the segment comes from.
    pub(super) fn tail(&self, at: usize, displacement: i64) -> &'a [u8] {
        self.source(at, displacement).map_or(&[], |source| self.base.tail(source))
    }

    /// What the base has before where byte `at` of the segment comes from.
    pub(super) fn head(&self, at: usize, displacement: i64) -> &'a [u8] {
        self.source(at, displacement).map_or(&[], |source| self.base.head(source))
    }

    fn source(&self, at: usize, displacement: i64) -> Option<u64> {
        u64::try_from((self.origin + at) as i64 + displacement).ok()
    }

    /// The displacement of byte `at` of the segment from `offset` in the base stream.
    pub(super) fn displacement(&self, at: usize, offset: u64) -> i64 {
        offset as i64 - (self.origin + at) as i64
    }

    pub(super) fn note(&mut self, range: Range<usize>, displacement: i64) -> Match {
        let found = Match { start: range.start as u32, end: range.end as u32, displacement };
        self.matches.push(found);
        found
    }

    /// Remembers that `displacement` was followed up to `until`, for `bytes` bytes.
    pub(super) fn remember(&mut self, displacement: i64, until: usize, bytes: usize) {
        self.followed[self.next_followed] = (displacement, until);
        self.next_followed = (self.next_followed + 1) % REMEMBERED;
        self.pay(bytes);
    }

    /// Whether `displacement` was followed lately beyond `at`.
    pub(super) fn knows(&self, displacement: i64, at: usize) -> bool {
        self.followed.iter().any(|&(known, until)| known == displacement && at < until)
    }

    /// Takes `bytes` bytes from those that may be followed.
    pub(super) fn pay(&mut self, bytes: usize) {
        self.budget = self.budget.saturating_sub(bytes);
    }

    /// Whether no more displacements may be followed.
    pub(super) fn is_spent(&self) -> bool {
        self.budget == 0
    }

    /// Looks for nothing else in `range` from now on.
    pub(super) fn settle(&mut self, range: Range<usize>) {
        self.settled[range].fill(SETTLED);
    }

    pub(super) fn is_settled(&self, at: usize) -> bool {
        self.settled[at] != 0
    }

    /// How many settled positions `range` begins with.
    pub(super) fn settled_run(&self, range: Range<usize>) -> usize {
        let rest = &self.settled[range];
        let words = rest.chunks_exact(8).take_while(|chunk| word(chunk, 0) == u64::MAX).count();
        words * 8 + rest[words * 8..].iter().take_while(|&&flag| flag != 0).count()
    }

    /// How many positions `range` begins with that are not settled.
    pub(super) fn unsettled_run(&self, range: Range<usize>) -> usize {
        self.settled[range].iter().take_while(|&&flag| flag == 0).count()
    }
}

/// A place in the base that a seed of the segment may come from.
pub(in crate::delta) struct Candidate<'a> {
    /// Where the seed starts in the segment.
    pub(super) at: usize,
    /// Where the candidate starts in the base stream.
    pub(super) offset: u64,
    /// What the base has from there on: at least the first eight bytes are those of the segment.
    pub(super) tail: &'a [u8],
}

/// A way to follow displacements.
pub(in crate::delta) trait Following {
    /// Notes a match over the whole segment, if the dialect's matches may have changed bytes: what is before and behind it
    /// goes along with the base.
    fn bridge(&mut self, search: &mut Search<'_, '_>, displacement: i64);

    /// Notes the matches along a `displacement` that somebody guessed, in `range` of the segment.
    fn walk(&mut self, search: &mut Search<'_, '_>, displacement: i64, range: Range<usize>);

    /// Returns what `candidate` is worth beside others, if it is worth to be followed.
    fn weigh(&mut self, search: &mut Search<'_, '_>, candidate: &Candidate<'_>) -> Option<usize>;

    /// Notes the match along `displacement` that goes through `at`, and those behind it.
    fn follow(&mut self, search: &mut Search<'_, '_>, displacement: i64, at: usize);
}
