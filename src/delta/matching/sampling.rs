//! Which parts of the base to index, and how densely: finely where it changed or went away, and the
//! rest for as much as there is to find.

use std::ops::Range;

use super::super::Base;
use super::super::cells::is_certain;
use super::base_entries::BaseEntries;
use super::pairing::{Pairing, unclaimed};
use super::seed_index::Sampled;

/// So many times fewer seeds are samples where the base did not change, at the densest.
const COARSER: usize = 8;
/// And at the sparsest: whatever matching by blocks would find is found.
const BLOCK_STEP: usize = 512;
/// So many samples are affordable, however little there is to find.
const COARSE_SAMPLES_MIN: usize = 256 << 10;

/// The whole base, stretch by stretch.
pub(super) fn stretches(
    base: &Base<'_>,
    known: &BaseEntries,
    targets: &[&[u8]],
    pairings: &[Pairing],
    fine_step: usize,
) -> Vec<Sampled> {
    let fine = unclaimed(base, known, pairings);
    let fine_bytes: usize = fine.iter().map(|(_, range)| range.len()).sum();
    let rest = base.len() as usize - fine_bytes;
    let residual = residual(targets, pairings);
    let step = (rest / residual.max(COARSE_SAMPLES_MIN)).next_power_of_two();
    let coarse_step = step.clamp((COARSER * fine_step).min(BLOCK_STEP), BLOCK_STEP);
    let mut stretches = Vec::with_capacity(2 * fine.len() + base.slices().len());
    let mut fine = fine.into_iter().peekable();
    for (slice, bytes) in base.slices().iter().enumerate() {
        let mut at = 0;
        while let Some((_, range)) = fine.next_if(|(of, _)| *of == slice) {
            push(&mut stretches, slice, at..range.start, coarse_step);
            at = range.end;
            push(&mut stretches, slice, range, fine_step);
        }
        push(&mut stretches, slice, at..bytes.len(), coarse_step);
    }
    stretches
}

fn push(stretches: &mut Vec<Sampled>, slice: usize, range: Range<usize>, step: usize) {
    if !range.is_empty() {
        stretches.push(Sampled { slice, range, step });
    }
}

/// How many bytes of the targets no certain span covers.
fn residual(targets: &[&[u8]], pairings: &[Pairing]) -> usize {
    let bytes: usize = targets.iter().map(|target| target.len()).sum();
    let spans = pairings.iter().flat_map(|pairing| &pairing.spans);
    bytes - spans.filter(|span| is_certain(span)).map(|span| span.len).sum::<usize>()
}
