//! Which entries of the base a target's entries probably come from, by what tar says of them:
//! the same path, the same content elsewhere, the same path but for version numbers.
//!
//! Finds what is unchanged without any index, and for the rest a first guess where to look.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use rayon::prelude::*;

use super::Base;
use super::extent::{common_prefix, common_suffix};
use super::tar_entries::{TarEntry, tar_entries};

/// How many base entries of one size are compared with a target entry of that size.
const SAME_SIZE_CANDIDATES: usize = 8;
/// Shorter contents are not looked for under other names: their header costs more than they do.
const SAME_CONTENT_MIN: usize = 64;

/// A stretch of the target that the base has unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Where it starts in the target.
    pub(super) start: usize,
    /// Its length in bytes.
    pub(super) len: usize,
    /// Where it starts in the base stream.
    pub(super) offset: u64,
}

impl Span {
    pub(super) fn end(&self) -> usize {
        self.start + self.len
    }

    /// Base position minus target position.
    pub(super) fn displacement(&self) -> i64 {
        self.offset as i64 - self.start as i64
    }
}

/// A guess where in the base a stretch of the target comes from.
#[derive(Debug, Clone)]
pub(super) struct Guess {
    /// The stretch of the target.
    pub(super) range: Range<usize>,
    /// Base position minus target position.
    pub(super) displacement: i64,
}

/// What pairing found for one target.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    /// Unchanged stretches, in target order, not overlapping, each as long as it can be.
    pub(super) spans: Vec<Span>,
    /// Guesses for what is not in `spans`, in target order; several may be for the same stretch.
    pub(super) guesses: Vec<Guess>,
}

impl Pairing {
    /// The spans that overlap `range`.
    pub(super) fn spans_in(&self, range: &Range<usize>) -> &[Span] {
        let first = self.spans.partition_point(|span| span.end() <= range.start);
        let last = self.spans.partition_point(|span| span.start < range.end);
        &self.spans[first..last]
    }

    /// The guesses that may overlap `range`.
    pub(super) fn guesses_in(&self, range: &Range<usize>) -> &[Guess] {
        let first = self.guesses.partition_point(|guess| guess.range.end <= range.start);
        let last = self.guesses.partition_point(|guess| guess.range.start < range.end);
        &self.guesses[first..last.max(first)]
    }

    /// The span that ends where `range` starts.
    pub(super) fn span_before(&self, range: &Range<usize>) -> Option<&Span> {
        let next = self.spans.partition_point(|span| span.end() <= range.start);
        self.spans[..next].last().filter(|span| span.end() == range.start)
    }
}

/// The entries of the base, found by path, by size and by path without version numbers.
pub(super) struct BaseEntries {
    entries: Vec<(usize, TarEntry)>,
    by_path: HashMap<Vec<u8>, usize>,
    by_size: HashMap<usize, Vec<usize>>,
    by_stem: HashMap<Vec<u8>, usize>,
}

impl BaseEntries {
    pub(super) fn new(base: &Base<'_>) -> Self {
        let scanned: Vec<Vec<TarEntry>> =
            base.slices().par_iter().map(|slice| tar_entries(slice)).collect();
        let entries: Vec<(usize, TarEntry)> = scanned
            .into_iter()
            .enumerate()
            .flat_map(|(slice, entries)| entries.into_iter().map(move |entry| (slice, entry)))
            .collect();
        let mut by_path = HashMap::with_capacity(entries.len());
        let mut by_size: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut by_stem = HashMap::new();
        // Later layers come later and win: theirs is the version the image shows.
        for (index, (_, entry)) in entries.iter().enumerate() {
            by_path.insert(entry.path.clone(), index);
            by_stem.insert(stem(&entry.path), index);
            if entry.content.len() >= SAME_CONTENT_MIN {
                by_size.entry(entry.content.len()).or_default().push(index);
            }
        }
        BaseEntries { entries, by_path, by_size, by_stem }
    }

    /// All entries, with the slice each is in.
    pub(super) fn entries(&self) -> &[(usize, TarEntry)] {
        &self.entries
    }
}

/// A path with every run of digits replaced by one `#`: what stays when a version changes.
fn stem(path: &[u8]) -> Vec<u8> {
    let mut stem = Vec::with_capacity(path.len());
    for &byte in path {
        let byte = if byte.is_ascii_digit() { b'#' } else { byte };
        if byte != b'#' || stem.last() != Some(&b'#') {
            stem.push(byte);
        }
    }
    stem
}

/// Pairs the entries of `target` with those of the base.
pub(super) fn pair(base: &Base<'_>, known: &BaseEntries, target: &[u8]) -> Pairing {
    let mut pairer = Pairer { base, known, target, pairing: Pairing::default() };
    for entry in tar_entries(target) {
        pairer.pair_entry(&entry);
    }
    pairer.pairing
}

struct Pairer<'a> {
    base: &'a Base<'a>,
    known: &'a BaseEntries,
    target: &'a [u8],
    pairing: Pairing,
}

impl Pairer<'_> {
    fn pair_entry(&mut self, entry: &TarEntry) {
        let covered = self.pairing.spans.last().map_or(0, Span::end);
        if covered >= entry.end() {
            return;
        }
        let named = self.named(entry);
        let same = named.filter(|&index| self.same_content(entry, index));
        match same.or_else(|| self.find_content(entry)) {
            Some(index) => self.add_unchanged(entry, index),
            None => {
                if let Some(index) = named {
                    self.add_guesses(entry, index);
                }
            }
        }
    }

    /// The base entry of the same path, or of the same path but for digits.
    fn named(&self, entry: &TarEntry) -> Option<usize> {
        let by_path = self.known.by_path.get(&entry.path);
        by_path.or_else(|| self.known.by_stem.get(&stem(&entry.path))).copied()
    }

    /// The bytes of a base entry's content.
    fn content(&self, index: usize) -> &[u8] {
        let (slice, entry) = &self.known.entries[index];
        &self.base.slices()[*slice][entry.content.clone()]
    }

    fn same_content(&self, entry: &TarEntry, index: usize) -> bool {
        self.content(index) == &self.target[entry.content.clone()]
    }

    fn find_content(&self, entry: &TarEntry) -> Option<usize> {
        let candidates = self.known.by_size.get(&entry.content.len())?;
        candidates
            .iter()
            .rev()
            .take(SAME_SIZE_CANDIDATES)
            .copied()
            .find(|&index| self.same_content(entry, index))
    }

    /// The content is that of base entry `index`: a span from its start, grown both ways.
    fn add_unchanged(&mut self, entry: &TarEntry, index: usize) {
        let (slice, known) = &self.known.entries[index];
        let base = self.base.slices()[*slice];
        let covered = self.pairing.spans.last().map_or(0, Span::end);
        let (from, known_from) = (entry.content.start, known.content.start);
        let before = common_suffix(&self.target[covered.min(from)..from], &base[..known_from]);
        let start = from.max(covered) - if covered <= from { before } else { 0 };
        let offset = known_from as u64 + start as u64 - from as u64;
        let len = common_prefix(&self.target[start..], &base[offset as usize..]);
        self.guess_header(entry, index);
        if len > 0 {
            let offset = self.base.start_of(*slice) + offset;
            self.pairing.spans.push(Span { start, len, offset });
        }
    }

    fn add_guesses(&mut self, entry: &TarEntry, index: usize) {
        self.guess_header(entry, index);
        let (slice, known) = &self.known.entries[index];
        let origin = self.base.start_of(*slice) as i64;
        let range = entry.content.start..entry.end();
        let by_start = origin + known.content.start as i64 - entry.content.start as i64;
        let by_end = origin + known.content.end as i64 - entry.content.end as i64;
        self.pairing.guesses.push(Guess { range: range.clone(), displacement: by_start });
        if by_end != by_start {
            self.pairing.guesses.push(Guess { range, displacement: by_end });
        }
    }

    fn guess_header(&mut self, entry: &TarEntry, index: usize) {
        let (slice, known) = &self.known.entries[index];
        let displacement = (self.base.start_of(*slice) + known.content.start as u64) as i64
            - entry.content.start as i64;
        self.pairing.guesses.push(Guess { range: entry.start..entry.content.start, displacement });
    }
}

/// The stretches of the base's slices whose content no span of any target takes whole: what
/// changed, and what is gone. As (slice, range), in order, headers left out.
pub(super) fn unclaimed(
    base: &Base<'_>,
    known: &BaseEntries,
    pairings: &[Pairing],
) -> Vec<(usize, Range<usize>)> {
    let claimed: HashSet<u64> = claimed_contents(base, known, pairings);
    let mut ranges: Vec<(usize, Range<usize>)> = Vec::new();
    let mut at_end = vec![0; base.slices().len()];
    for (slice, entry) in known.entries() {
        at_end[*slice] = entry.end();
        let offset = base.start_of(*slice) + entry.content.start as u64;
        if !base.keeps(*slice) && !entry.content.is_empty() && !claimed.contains(&offset) {
            ranges.push((*slice, entry.content.clone()));
        }
    }
    // What follows the last entry, or all of a slice that is no tar.
    for (slice, &end) in at_end.iter().enumerate() {
        let len = base.slices()[slice].len();
        if !base.keeps(slice) && end < len {
            ranges.push((slice, end..len));
        }
    }
    ranges.sort_by_key(|(slice, range)| (*slice, range.start));
    ranges
}

/// Base stream positions of contents that lie whole inside some span.
fn claimed_contents(base: &Base<'_>, known: &BaseEntries, pairings: &[Pairing]) -> HashSet<u64> {
    let contents: Vec<Range<u64>> = known
        .entries()
        .iter()
        .map(|(slice, entry)| {
            let origin = base.start_of(*slice);
            origin + entry.content.start as u64..origin + entry.content.end as u64
        })
        .collect();
    let mut claimed = HashSet::new();
    for span in pairings.iter().flat_map(|pairing| &pairing.spans) {
        let first = contents.partition_point(|content| content.start < span.offset);
        let end = span.offset + span.len as u64;
        let inside = contents[first..].iter().take_while(|content| content.end <= end);
        claimed.extend(inside.map(|content| content.start));
    }
    claimed
}
