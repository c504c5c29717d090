//! How a target is cut: into batches whose partners are indexed together, and those into segments that are searched alone.

use std::collections::HashSet;
use std::ops::Range;

use super::super::matching::{BaseEntries, DenseIndex, Partner};

/// The longest segment.
const SEGMENT: usize = 256 << 10;

/// A part of a target whose partners are indexed together.
pub(super) struct Batch {
    /// Where in the target it ends.
    pub(super) end: usize,
    /// Which partners it has.
    pub(super) partners: Range<usize>,
}

/// Cuts a target of `len` bytes so that the dense index of each part's partners fits into `memory`, unless one alone
/// does not.
pub(super) fn batches(
    known: &BaseEntries,
    partners: &[Partner],
    memory: u64,
    len: usize,
) -> Vec<Batch> {
    let most = DenseIndex::most(memory);
    let (mut batches, mut first, mut bytes) = (Vec::new(), 0, 0);
    let mut seen = HashSet::new();
    for (number, partner) in partners.iter().enumerate() {
        let more = known.contents()[partner.content as usize].range.len();
        if number > first && !seen.contains(&partner.content) && bytes + more > most {
            batches.push(Batch { end: partner.range.start, partners: first..number });
            (first, bytes) = (number, 0);
            seen.clear();
        }
        bytes += if seen.insert(partner.content) { more } else { 0 };
    }
    batches.push(Batch { end: len, partners: first..partners.len() });
    batches
}

/// The parts of `range` that are not `passed` over.
pub(super) fn segments(range: Range<usize>, passed: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut segments = Vec::new();
    let mut at = range.start;
    let first = passed.partition_point(|passed| passed.end <= range.start);
    let last = std::iter::once(range.end..range.end);
    for Range { start, end } in passed[first..].iter().cloned().chain(last) {
        let start = start.min(range.end);
        while at < start {
            let segment = at..start.min(at + SEGMENT);
            at = segment.end;
            segments.push(segment);
        }
        at = at.max(end);
    }
    segments
}
