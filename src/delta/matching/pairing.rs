//! Which entries of the base a target's entries probably come from, by what tar says of them:
//! the same path, the same content elsewhere, the same path but for version numbers.
//!
//! Finds what is unchanged without any index, and for the rest a first guess where to look.

use std::collections::HashSet;
use std::ops::Range;

use super::super::Base;
use super::super::extent::{common_prefix, common_suffix};
use super::super::tar_entries::{TarEntry, tar_entries};
use super::base_entries::{BaseEntries, Content};
use crate::tar::BLOCK;

/// How many base entries of one size are compared with a target entry of that size.
const SAME_SIZE_CANDIDATES: usize = 8;

/// A stretch of the target that the base has unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delta) struct Span {
    /// Where it starts in the target.
    pub(in crate::delta) start: usize,
    /// Its length in bytes.
    pub(in crate::delta) len: usize,
    /// Where it starts in the base stream.
    pub(in crate::delta) offset: u64,
}

impl Span {
    pub(in crate::delta) fn end(&self) -> usize {
        self.start + self.len
    }

    /// Base position minus target position.
    pub(in crate::delta) fn displacement(&self) -> i64 {
        self.offset as i64 - self.start as i64
    }
}

/// A guess where in the base a stretch of the target comes from.
#[derive(Debug, Clone)]
pub(in crate::delta) struct Guess {
    /// The stretch of the target.
    pub(super) range: Range<usize>,
    /// Base position minus target position.
    pub(super) displacement: i64,
}

/// What pairing found for one target.
#[derive(Debug, Default)]
pub(in crate::delta) struct Pairing {
    /// Unchanged stretches, in target order, not overlapping, each as long as it can be.
    pub(in crate::delta) spans: Vec<Span>,
    /// Guesses for what is not in `spans`, in target order; several may be for the same stretch.
    pub(super) guesses: Vec<Guess>,
}

impl Pairing {
    /// What it takes in memory, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        (size_of_val(&self.spans[..]) + size_of_val(&self.guesses[..])) as u64
    }

    /// The spans that overlap `range`.
    pub(in crate::delta) fn spans_in(&self, range: &Range<usize>) -> &[Span] {
        let first = self.spans.partition_point(|span| span.end() <= range.start);
        let last = self.spans.partition_point(|span| span.start < range.end);
        &self.spans[first..last]
    }

    /// The guesses that may overlap `range`.
    pub(in crate::delta) fn guesses_in(&self, range: &Range<usize>) -> &[Guess] {
        let first = self.guesses.partition_point(|guess| guess.range.end <= range.start);
        let last = self.guesses.partition_point(|guess| guess.range.start < range.end);
        &self.guesses[first..last.max(first)]
    }

    /// The span that ends where `range` starts.
    pub(in crate::delta) fn span_before(&self, range: &Range<usize>) -> Option<&Span> {
        let next = self.spans.partition_point(|span| span.end() <= range.start);
        self.spans[..next].last().filter(|span| span.end() == range.start)
    }

    /// The span that starts where `range` ends.
    pub(in crate::delta) fn span_after(&self, range: &Range<usize>) -> Option<&Span> {
        let next = self.spans.partition_point(|span| span.start < range.end);
        self.spans.get(next).filter(|span| span.start == range.end)
    }
}

/// Pairs the entries of `target` with those of the base, until what is found takes `memory` bytes:
/// what comes after that is left to the index.
pub(super) fn pair(base: &Base<'_>, known: &BaseEntries, target: &[u8], memory: u64) -> Pairing {
    let mut pairer = Pairer { base, known, target, pairing: Pairing::default() };
    for entry in tar_entries(target) {
        if pairer.pairing.bytes() >= memory {
            break;
        }
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
        let known = self.known;
        let named = known.named(&entry.path);
        let same = named.filter(|named| self.same_content(entry, named));
        match same.or_else(|| self.find_content(entry)).cloned() {
            Some(same) => self.add_unchanged(entry, &same),
            None => {
                if let Some(named) = named {
                    self.add_guesses(entry, named);
                }
            }
        }
    }

    fn same_content(&self, entry: &TarEntry, known: &Content) -> bool {
        known.bytes(self.base) == &self.target[entry.content.clone()]
    }

    fn find_content(&self, entry: &TarEntry) -> Option<&Content> {
        let candidates = self.known.of_size(entry.content.len());
        candidates.take(SAME_SIZE_CANDIDATES).find(|known| self.same_content(entry, known))
    }

    /// The content is what the base has as `known`: a span from its start, grown both ways.
    fn add_unchanged(&mut self, entry: &TarEntry, known: &Content) {
        let base = self.base.slices()[known.slice];
        let covered = self.pairing.spans.last().map_or(0, Span::end);
        let (from, known_from) = (entry.content.start, known.range.start);
        let before = common_suffix(&self.target[covered.min(from)..from], &base[..known_from]);
        let start = from.max(covered) - if covered <= from { before } else { 0 };
        let offset = known_from as u64 + start as u64 - from as u64;
        let len = common_prefix(&self.target[start..], &base[offset as usize..]);
        self.guess_header(entry, known);
        if len > 0 {
            let offset = self.base.start_of(known.slice) + offset;
            self.pairing.spans.push(Span { start, len, offset });
        }
    }

    fn add_guesses(&mut self, entry: &TarEntry, known: &Content) {
        self.guess_header(entry, known);
        let origin = self.base.start_of(known.slice) as i64;
        let range = entry.content.start..entry.end();
        let by_start = origin + known.range.start as i64 - entry.content.start as i64;
        let by_end = origin + known.range.end as i64 - entry.content.end as i64;
        self.pairing.guesses.push(Guess { range: range.clone(), displacement: by_start });
        if by_end != by_start {
            self.pairing.guesses.push(Guess { range, displacement: by_end });
        }
    }

    fn guess_header(&mut self, entry: &TarEntry, known: &Content) {
        let displacement = (self.base.start_of(known.slice) + known.range.start as u64) as i64
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
    for content in known.contents() {
        let Content { slice, range } = content;
        at_end[*slice] = range.end.next_multiple_of(BLOCK);
        let claimed = claimed.contains(&content.offset(base));
        if !base.keeps(*slice) && !range.is_empty() && !claimed {
            ranges.push((*slice, range.clone()));
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
    let contents = known.contents();
    let mut claimed = HashSet::new();
    for span in pairings.iter().flat_map(|pairing| &pairing.spans) {
        let first = contents.partition_point(|content| content.offset(base) < span.offset);
        let end = span.offset + span.len as u64;
        let starts = contents[first..].iter().map(|content| (content.offset(base), content));
        let inside =
            starts.take_while(|(start, content)| start + content.range.len() as u64 <= end);
        claimed.extend(inside.map(|(start, _)| start));
    }
    claimed
}
