//! The index of the base: a fixed-size table from short seeds to base positions.
//!
//! Seeds of one repeated byte are left out, because every position of a zero run would fill the table
//! with the same thing.

use std::collections::TryReserveError;
use std::ops::Range;

use super::super::Base;
use super::super::extent::word;
use super::buckets::{Buckets, Collected, NUMBER_BITS_MAX, Piece};

/// The stretch of base that one job collects from.
const PIECE: usize = 1 << 20;
/// How many seeds are looked at before the first sample among them is looked up: their cache misses
/// overlap.
pub(super) const WINDOW: usize = 256;
/// The bytes of so many seeds.
const SEEDS: usize = WINDOW + SEED - 1;
/// Bytes a seed has.
pub(super) const SEED: usize = 16;

/// A stretch of a slice of the base, and how densely to sample it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sampled {
    pub(super) slice: usize,
    pub(super) range: Range<usize>,
    /// One in how many seeds is a sample.
    pub(super) step: usize,
}

/// Positions of seeds, found by their hash.
///
/// Which seeds are samples depends on their bytes alone, so that those of the target that no sample
/// can equal are passed over without a look into the table, which is far too large for the caches.
pub(in crate::delta) struct SeedIndex {
    buckets: Buckets,
    /// One in how many seeds is a sample where samples are densest.
    step: usize,
    /// Positions are stored without so many low bits.
    position_shift: u32,
}

impl SeedIndex {
    /// Indexes `stretches` of the base's slices, in at most `memory` bytes: when the samples are
    /// more than that holds, fewer seeds are samples, one in the next power of two, until they are not. Fails if the system does not
    /// give the memory.
    pub(super) fn new(
        base: &Base<'_>,
        stretches: &[Sampled],
        memory: u64,
    ) -> Result<Self, TryReserveError> {
        let most = Buckets::most(memory);
        let mut step = stretches.iter().map(|stretch| stretch.step).min().unwrap_or(1);
        let samples = |step: usize| -> usize {
            stretches.iter().map(|s| s.range.len() / s.step.max(step)).sum()
        };
        while Buckets::needed(samples(step)) > most {
            step = (step + 1).next_power_of_two();
        }
        let position_bits = u64::BITS - (base.len() + 1).leading_zeros();
        let position_shift = position_bits.saturating_sub(NUMBER_BITS_MAX);
        let (count, bits) = (Buckets::needed(samples(step)), position_bits - position_shift);
        let buckets = Buckets::filled(count, bits, &cut(base, stretches, step, position_shift))?;
        Ok(SeedIndex { buckets, step, position_shift })
    }

    /// Collects the hashes of those seeds in `bytes` that may be samples, each with where it starts,
    /// and begins to bring what [`positions`](Self::positions) reads for them into the cache.
    pub(super) fn samples(&self, bytes: &[u8], samples: &mut Samples) {
        samples.collect(bytes, self.step);
        samples.found().iter().for_each(|&(hash, _)| self.buckets.touch(hash));
    }

    /// Base stream positions where a seed with this `hash` may start, lowest first.
    pub(super) fn positions(&self, hash: u64) -> impl Iterator<Item = u64> + '_ {
        self.buckets.numbers(hash).flat_map(move |number| {
            let first = u64::from(number) << self.position_shift;
            first..first + (1 << self.position_shift)
        })
    }
}

/// A stretch of the base, short enough for one job.
struct Stretch<'a> {
    /// Where it starts in the base stream.
    offset: u64,
    bytes: &'a [u8],
    /// One in how many seeds is a sample.
    step: usize,
    position_shift: u32,
}

impl Piece for Stretch<'_> {
    fn seeds(&self) -> usize {
        self.bytes.len() / self.step
    }

    fn collect(&self, into: &mut Collected) {
        let mut samples = Samples::default();
        for start in (0..self.bytes.len()).step_by(WINDOW) {
            samples.collect(&self.bytes[start..self.bytes.len().min(start + SEEDS)], self.step);
            for &(hash, at) in samples.found() {
                let position = self.offset + start as u64 + u64::from(at);
                into.add(hash, (position >> self.position_shift) as u32);
            }
        }
    }
}

/// The samples of a short stretch.
pub(super) struct Samples {
    /// The bytes at each position and the next.
    words: [u16; WINDOW + TELLING],
    /// 1 where a sample starts.
    rare: [u8; WINDOW],
    found: [(u64, u32); WINDOW],
    count: usize,
}

/// So many first bytes of a seed tell whether it is a sample.
const TELLING: usize = 8;
/// The factors of their four pairs: odd, otherwise arbitrary.
const FACTORS: [u16; TELLING / 2] = [0x6255, 0x3f13, 0x9a8d, 0x5bd1];
/// The sum that a stretch of zeros gives; there are too many of these to be samples.
const OF_ZEROS: u16 = 0xb529;

impl Default for Samples {
    fn default() -> Self {
        Samples {
            words: [0; WINDOW + TELLING],
            rare: [0; WINDOW],
            found: [(0, 0); WINDOW],
            count: 0,
        }
    }
}

impl Samples {
    /// The hash of each, and where it starts.
    pub(super) fn found(&self) -> &[(u64, u32)] {
        &self.found[..self.count]
    }

    /// Finds the samples among the first [`WINDOW`] seeds of `bytes`, of which one in `step` is one.
    fn collect(&mut self, bytes: &[u8], step: usize) {
        self.count = 0;
        let count = (bytes.len() + 1).saturating_sub(SEED).min(WINDOW);
        let padded = count.next_multiple_of(8);
        self.tell_apart(&bytes[..bytes.len().min(count + TELLING)], padded, step);
        self.rare[count..padded].fill(0);
        for (group, rare) in self.rare[..padded].as_chunks::<8>().0.iter().enumerate() {
            let mut marks = u64::from_le_bytes(*rare);
            while marks != 0 {
                let at = group * 8 + (marks.trailing_zeros() / 8) as usize;
                if let Some(hash) = hash(&bytes[at..]) {
                    self.found[self.count] = (hash, at as u32);
                    self.count += 1;
                }
                marks &= marks - 1;
            }
        }
    }

    /// Marks those of the first `count` positions whose seeds are samples. Written so that it compiles to vector
    /// instructions wherever there are any: it looks at every byte of the images.
    fn tell_apart(&mut self, bytes: &[u8], count: usize, step: usize) {
        let limit = (0x1_0000 / step).saturating_sub(1) as u16;
        let next = bytes.get(1..).unwrap_or_default();
        for ((word, &low), &high) in self.words.iter_mut().zip(bytes).zip(next) {
            *word = u16::from(low) | u16::from(high) << 8;
        }
        let [a, b, c, d] = [0, 2, 4, 6].map(|at| &self.words[at..at + count]);
        for (at, rare) in self.rare[..count].iter_mut().enumerate() {
            let mixed = OF_ZEROS
                .wrapping_add(a[at].wrapping_mul(FACTORS[0]))
                .wrapping_add(b[at].wrapping_mul(FACTORS[1]))
                .wrapping_add(c[at].wrapping_mul(FACTORS[2]))
                .wrapping_add(d[at].wrapping_mul(FACTORS[3]));
            *rare = u8::from(mixed <= limit);
        }
    }
}

/// The hash of the seed that `bytes` begins with, or `None` if it is one byte repeated.
fn hash(bytes: &[u8]) -> Option<u64> {
    let (first, last) = (word(bytes, 0), word(bytes, 8));
    if first == last && first == first.rotate_left(8) {
        return None;
    }
    let hash = first.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = (hash ^ (hash >> 32) ^ last).wrapping_mul(0xd6e8_feb8_6659_fd93);
    Some(hash ^ (hash >> 29))
}

/// The stretches cut to at most [`PIECE`] bytes, with no more samples than one seed in `least`. No seed crosses two
/// pieces: a handful in a million are lost.
fn cut<'a>(
    base: &Base<'a>,
    stretches: &[Sampled],
    least: usize,
    position_shift: u32,
) -> Vec<Stretch<'a>> {
    let mut pieces = Vec::new();
    for Sampled { slice, range, step } in stretches {
        for start in range.clone().step_by(PIECE) {
            let bytes = &base.slices()[*slice][start..range.end.min(start + PIECE)];
            let offset = base.start_of(*slice) + start as u64;
            pieces.push(Stretch { offset, bytes, step: (*step).max(least), position_shift });
        }
    }
    pieces
}
