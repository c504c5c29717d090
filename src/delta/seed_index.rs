//! The index of the base: a fixed-size table from short seeds to base positions.
//!
//! Buckets of a few slots, no chains: a look-up costs one cache line and a bounded number of
//! candidates, whatever the base holds. Seeds of one repeated byte are left out, because every
//! position of a zero run would fill the table with the same thing.

use std::collections::TryReserveError;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::Base;
use super::extent::word;

/// The slots of a bucket: half a cache line.
const SLOTS: usize = 8;
/// The stretch of base that one job inserts.
const PIECE: usize = 1 << 20;
/// How many seeds are looked at before the first sample among them is inserted or looked up: their
/// cache misses overlap.
pub(super) const WINDOW: usize = 256;
/// The bytes of so many seeds.
const SEEDS: usize = WINDOW + SEED - 1;
/// A slot that holds nothing.
const EMPTY: u32 = u32::MAX;

/// Bytes a seed has.
pub(super) const SEED: usize = 16;
/// Leaves a tag of two bits at least.
const NUMBER_BITS_MAX: u32 = 30;
/// Where in a hash the tag is: above what tells samples, below what tells buckets.
const TAG_SHIFT: u32 = 20;

/// A stretch of a slice of the base, and how densely to sample it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sampled {
    pub(super) slice: usize,
    pub(super) range: Range<usize>,
    /// One in how many seeds is a sample; a power of two.
    pub(super) step: usize,
}

/// Positions of seeds, found by their hash.
///
/// Which seeds are samples depends on their bytes alone, so that those of the target that no sample
/// can equal are passed over without a look into the table, which is far too large for the caches.
pub(super) struct SeedIndex {
    buckets: Vec<Bucket>,
    /// One in how many seeds is a sample where samples are densest.
    step: usize,
    /// Positions are stored without so many low bits.
    position_shift: u32,
    /// A slot has the sample's position, shifted, in this many low bits, and above them a tag from
    /// the hash that spares many look-ups of samples whose seed differs.
    number_bits: u32,
}

#[repr(align(32))]
struct Bucket([AtomicU32; SLOTS]);

impl SeedIndex {
    /// Indexes `stretches` of the base's slices, in at most `memory` bytes: when the samples are
    /// more than that holds, every second is left out until they are not. Fails if the system does not
    /// give the memory.
    pub(super) fn new(
        base: &Base<'_>,
        stretches: &[Sampled],
        memory: u64,
    ) -> Result<Self, TryReserveError> {
        let most = (memory as usize / size_of::<Bucket>()).max(1);
        let mut step = stretches.iter().map(|stretch| stretch.step).min().unwrap_or(1);
        let samples = |step: usize| -> usize {
            stretches.iter().map(|s| s.range.len() / s.step.max(step)).sum()
        };
        // A table at most 7/8 full on average loses few samples to full buckets.
        let buckets = |step: usize| samples(step) * 8 / 7 / SLOTS + 1;
        while buckets(step) > most {
            step *= 2;
        }
        let position_bits = u64::BITS - (base.len() + 1).leading_zeros();
        let position_shift = position_bits.saturating_sub(NUMBER_BITS_MAX);
        let index = SeedIndex {
            buckets: empty_buckets(buckets(step))?,
            step,
            position_shift,
            number_bits: position_bits - position_shift,
        };
        cut(base, stretches).par_iter().for_each(|&(offset, bytes, step)| {
            index.insert_all(offset, bytes, step);
        });
        Ok(index)
    }

    /// Collects the hashes of those seeds in `bytes` that may be samples, each with where it starts,
    /// and begins to bring what [`positions`](Self::positions) reads for them into the cache.
    pub(super) fn samples(&self, bytes: &[u8], samples: &mut Samples) {
        samples.collect(bytes, self.step);
        samples.found().iter().for_each(|&(hash, _)| self.touch(hash));
    }

    /// Base stream positions where a seed with this `hash` may start, lowest first.
    pub(super) fn positions(&self, hash: u64) -> impl Iterator<Item = u64> + '_ {
        let tag = self.tagged(hash, 0);
        let mask = (1u32 << self.number_bits) - 1;
        self.bucket(hash)
            .iter()
            .map(|slot| slot.load(Ordering::Relaxed))
            .filter(move |&slot| slot != EMPTY && slot & !mask == tag)
            .flat_map(move |slot| {
                let first = u64::from(slot & mask) << self.position_shift;
                first..first + (1 << self.position_shift)
            })
    }

    fn bucket(&self, hash: u64) -> &[AtomicU32; SLOTS] {
        let number = ((hash >> 32) * self.buckets.len() as u64) >> 32;
        &self.buckets[number as usize].0
    }

    /// A slot's value: `number` below, a tag from the hash above.
    fn tagged(&self, hash: u64, number: u32) -> u32 {
        ((hash >> TAG_SHIFT) as u32) << self.number_bits | number
    }

    /// Begins to bring a bucket into the cache, without waiting for it.
    fn touch(&self, hash: u64) {
        std::hint::black_box(self.bucket(hash)[0].load(Ordering::Relaxed));
    }

    fn insert_all(&self, offset: u64, bytes: &[u8], step: usize) {
        let mut samples = Samples::default();
        for start in (0..bytes.len()).step_by(WINDOW) {
            samples.collect(&bytes[start..bytes.len().min(start + SEEDS)], step.max(self.step));
            samples.found().iter().for_each(|&(hash, _)| self.touch(hash));
            for &(hash, at) in samples.found() {
                let position = offset + start as u64 + u64::from(at);
                self.insert(hash, (position >> self.position_shift) as u32);
            }
        }
    }

    /// Puts a sample into its bucket. A bucket keeps the lowest numbers it is ever offered, in
    /// order: each slot keeps the least of what reaches it and hands on the rest, so the outcome
    /// is the same in whatever order threads come.
    fn insert(&self, hash: u64, number: u32) {
        let mask = (1u32 << self.number_bits) - 1;
        let mut carried = self.tagged(hash, number);
        for slot in self.bucket(hash) {
            let mut current = slot.load(Ordering::Relaxed);
            while current == EMPTY || carried & mask < current & mask {
                match slot.compare_exchange_weak(
                    current,
                    carried,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                ) {
                    Ok(EMPTY) => return,
                    Ok(displaced) => {
                        carried = displaced;
                        break;
                    }
                    Err(actual) => current = actual,
                }
            }
        }
    }
}

fn empty_buckets(count: usize) -> Result<Vec<Bucket>, TryReserveError> {
    let mut buckets = Vec::new();
    buckets.try_reserve_exact(count)?;
    let empty = |_| Bucket([const { AtomicU32::new(EMPTY) }; SLOTS]);
    buckets.par_extend((0..count).into_par_iter().map(empty));
    Ok(buckets)
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

/// The stretches cut to at most [`PIECE`] bytes, each with its position in the base stream and its
/// step. No seed crosses two pieces: a handful in a million are lost.
fn cut<'a>(base: &Base<'a>, stretches: &[Sampled]) -> Vec<(u64, &'a [u8], usize)> {
    let mut pieces = Vec::new();
    for Sampled { slice, range, step } in stretches {
        for start in range.clone().step_by(PIECE) {
            let bytes = &base.slices()[*slice][start..range.end.min(start + PIECE)];
            pieces.push((base.start_of(*slice) + start as u64, bytes, *step));
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_there_is_no_memory_for_is_an_error() {
        assert!(empty_buckets(1 << 50).is_err());
        assert_eq!(empty_buckets(3).map(|buckets| buckets.len()), Ok(3));
    }
}
