//! The index of the base: a fixed-size table from short seeds to base positions.
//!
//! Buckets of a few slots, no chains: a look-up costs one cache line and a bounded number of
//! candidates, whatever the base holds. Seeds of one repeated byte are left out, because every
//! position of a zero run would fill the table with the same thing.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::Base;
use super::extent::word;

/// The slots of a bucket: half a cache line.
const SLOTS: usize = 8;
/// The stretch of base that one job inserts.
const PIECE: usize = 1 << 20;
/// How many samples are hashed before the first of them is inserted: their cache misses overlap.
const BATCH: usize = 32;
/// A slot that holds nothing.
const EMPTY: u32 = u32::MAX;

/// How a table samples the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampling {
    /// Bytes a seed has: 8 to 64.
    pub(super) seed: usize,
    /// A seed starts wherever the position in the base stream is a multiple of this power of two.
    pub(super) step: usize,
}

/// Positions of seeds, found by their hash.
pub(super) struct SeedIndex {
    sampling: Sampling,
    buckets: Vec<Bucket>,
    /// How far to shift a hash right to get a bucket number.
    bucket_shift: u32,
    /// A slot has the sample's number (position / step) in this many low bits, and above them a
    /// tag from the hash that spares most look-ups of samples whose seed differs.
    number_bits: u32,
}

#[repr(align(32))]
struct Bucket([AtomicU32; SLOTS]);

impl SeedIndex {
    /// Indexes `ranges` of the base's slices, in at most `memory` bytes: when the samples are more
    /// than that holds, every second is left out until they are not.
    pub(super) fn new(
        base: &Base<'_>,
        ranges: &[(usize, Range<usize>)],
        mut sampling: Sampling,
        memory: u64,
    ) -> Self {
        let bytes: usize = ranges.iter().map(|(_, range)| range.len()).sum();
        let most = (memory as usize / size_of::<Bucket>()).max(1);
        // A table at most 7/8 full on average loses few samples to full buckets.
        while bytes / sampling.step > most * SLOTS / 8 * 7
            || base.len() / sampling.step as u64 >= u32::MAX.into()
        {
            sampling.step *= 2;
        }
        let wanted = bytes / sampling.step * 8 / 7 / SLOTS + 1;
        let buckets = wanted.next_power_of_two();
        let buckets = if buckets > most { buckets / 2 } else { buckets };
        let numbers = base.len() / sampling.step as u64 + 2;
        let index = SeedIndex {
            sampling,
            buckets: (0..buckets)
                .map(|_| Bucket([const { AtomicU32::new(EMPTY) }; SLOTS]))
                .collect(),
            bucket_shift: 64 - buckets.trailing_zeros(),
            number_bits: u64::BITS - numbers.leading_zeros(),
        };
        cut(base, ranges).par_iter().for_each(|(offset, bytes)| index.insert_all(*offset, bytes));
        index
    }

    /// The hash by which the seed that `bytes` starts with is looked up, or `None` where seeds
    /// like it are left out.
    pub(super) fn hash(&self, bytes: &[u8]) -> Option<u64> {
        let seed = bytes.get(..self.sampling.seed)?;
        let first = word(seed, 0);
        if first == first.rotate_left(8) {
            return None;
        }
        let last = word(seed, seed.len() - 8);
        let mut hash = first.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 32) ^ last).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let mut at = 8;
        while at + 8 < seed.len() {
            hash = (hash ^ (hash >> 32) ^ word(seed, at)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            at += 8;
        }
        Some(hash ^ (hash >> 29))
    }

    /// Touches the bucket of `hash`, so that a later look-up finds it in the cache.
    pub(super) fn touch(&self, hash: u64) -> u32 {
        self.bucket(hash)[0].load(Ordering::Relaxed)
    }

    /// Base stream positions where a seed with this `hash` probably starts, lowest first.
    pub(super) fn positions(&self, hash: u64) -> impl Iterator<Item = u64> + '_ {
        let tag = self.tagged(hash, 0);
        let mask = (1u32 << self.number_bits).wrapping_sub(1);
        self.bucket(hash)
            .iter()
            .map(|slot| slot.load(Ordering::Relaxed))
            .filter(move |&slot| slot != EMPTY && slot & !mask == tag)
            .map(move |slot| u64::from(slot & mask) * self.sampling.step as u64)
    }

    fn bucket(&self, hash: u64) -> &[AtomicU32; SLOTS] {
        &self.buckets[hash.checked_shr(self.bucket_shift).unwrap_or(0) as usize].0
    }

    /// A slot's value: `number` below, a tag from the hash above.
    fn tagged(&self, hash: u64, number: u32) -> u32 {
        ((hash as u32).checked_shl(self.number_bits).unwrap_or(0)) | number
    }

    fn insert_all(&self, offset: u64, bytes: &[u8]) {
        let step = self.sampling.step as u64;
        let end = (bytes.len() + 1).saturating_sub(self.sampling.seed);
        let mut at = (offset.next_multiple_of(step) - offset) as usize;
        let mut batch = Vec::with_capacity(BATCH);
        while at < end {
            batch.clear();
            while at < end && batch.len() < BATCH {
                if let Some(hash) = self.hash(&bytes[at..]) {
                    std::hint::black_box(self.touch(hash));
                    batch.push((hash, ((offset + at as u64) / step) as u32));
                }
                at += step as usize;
            }
            batch.iter().for_each(|&(hash, number)| self.insert(hash, number));
        }
    }

    /// Puts a sample into its bucket. A bucket keeps the lowest numbers it is ever offered, in
    /// order: each slot keeps the least of what reaches it and hands on the rest, so the outcome
    /// is the same in whatever order threads come.
    fn insert(&self, hash: u64, number: u32) {
        let mask = (1u32 << self.number_bits).wrapping_sub(1);
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

/// `ranges` as stretches of at most [`PIECE`] bytes, each with its position in the base stream.
/// No seed crosses two stretches: a handful in a million are lost.
fn cut<'a>(base: &Base<'a>, ranges: &[(usize, Range<usize>)]) -> Vec<(u64, &'a [u8])> {
    let mut pieces = Vec::new();
    for (slice, range) in ranges {
        for start in range.clone().step_by(PIECE) {
            let end = range.end.min(start + PIECE);
            let bytes = &base.slices()[*slice][start..end];
            pieces.push((base.start_of(*slice) + start as u64, bytes));
        }
    }
    pieces
}
