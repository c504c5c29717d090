//! The index of the base: a fixed-size table from short seeds to base positions.
//!
//! Buckets of a few slots, no chains: a look-up costs one cache line and a bounded number of
//! candidates, whatever the base holds. Seeds of one repeated byte are left out, because every
//! position of a zero run would fill the table with the same thing.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

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

/// Bytes a seed has.
const SEED: usize = 16;

/// A stretch of a slice of the base, and how densely to sample it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sampled {
    pub(super) slice: usize,
    pub(super) range: Range<usize>,
    /// A seed starts wherever the position in the base stream is a multiple of this power of two.
    pub(super) step: usize,
}

/// Positions of seeds, found by their hash.
pub(super) struct SeedIndex {
    /// Positions are stored as multiples of this.
    unit: u64,
    buckets: Vec<Bucket>,
    /// A bit for every hash that was inserted, and by chance for some that were not: small enough
    /// to stay in the cache, it answers most look-ups.
    filter: Vec<AtomicU64>,
    /// How far to shift a hash right to get a bucket number.
    bucket_shift: u32,
    /// A slot has the sample's number (position / unit) in this many low bits, and above them a
    /// tag from the hash that spares most look-ups of samples whose seed differs.
    number_bits: u32,
}

#[repr(align(32))]
struct Bucket([AtomicU32; SLOTS]);

impl SeedIndex {
    /// Indexes `stretches` of the base's slices, in at most `memory` bytes: when the samples are
    /// more than that holds, every second is left out until they are not.
    pub(super) fn new(base: &Base<'_>, stretches: &[Sampled], memory: u64) -> Self {
        let most = (memory as usize / size_of::<Bucket>()).max(1);
        let finest = stretches.iter().map(|stretch| stretch.step).min().unwrap_or(1);
        let mut unit = finest;
        let samples = |unit: usize| -> usize {
            stretches.iter().map(|s| s.range.len() / s.step.max(unit)).sum()
        };
        // A table at most 7/8 full on average loses few samples to full buckets.
        while samples(unit) > most * SLOTS / 8 * 7 || base.len() / unit as u64 >= u32::MAX.into() {
            unit *= 2;
        }
        let wanted = (samples(unit) * 8 / 7 / SLOTS + 1).next_power_of_two();
        let buckets = if wanted > most { wanted / 2 } else { wanted };
        let numbers = base.len() / unit as u64 + 2;
        let index = SeedIndex {
            unit: unit as u64,
            buckets: (0..buckets)
                .map(|_| Bucket([const { AtomicU32::new(EMPTY) }; SLOTS]))
                .collect(),
            filter: (0..buckets).map(|_| AtomicU64::new(0)).collect(),
            bucket_shift: 64 - buckets.trailing_zeros(),
            number_bits: u64::BITS - numbers.leading_zeros(),
        };
        cut(base, stretches).par_iter().for_each(|(offset, bytes, step)| {
            index.insert_all(*offset, bytes, (*step).max(unit));
        });
        index
    }

    /// The hash by which the seed that `bytes` starts with is looked up, or `None` where seeds
    /// like it are left out.
    pub(super) fn hash(&self, bytes: &[u8]) -> Option<u64> {
        let seed = bytes.get(..SEED)?;
        let (first, last) = (word(seed, 0), word(seed, 8));
        if first == last && first == first.rotate_left(8) {
            return None;
        }
        let hash = first.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = (hash ^ (hash >> 32) ^ last).wrapping_mul(0xd6e8_feb8_6659_fd93);
        Some(hash ^ (hash >> 29))
    }

    /// Whether a seed with this `hash` may have been inserted.
    pub(super) fn may_have(&self, hash: u64) -> bool {
        self.filter[self.bucket_number(hash)].load(Ordering::Relaxed) & filter_bit(hash) != 0
    }

    /// Base stream positions where a seed with this `hash` probably starts, lowest first.
    pub(super) fn positions(&self, hash: u64) -> impl Iterator<Item = u64> + '_ {
        let tag = self.tagged(hash, 0);
        let mask = (1u32 << self.number_bits).wrapping_sub(1);
        self.bucket(hash)
            .iter()
            .map(|slot| slot.load(Ordering::Relaxed))
            .filter(move |&slot| slot != EMPTY && slot & !mask == tag)
            .map(move |slot| u64::from(slot & mask) * self.unit)
    }

    fn bucket_number(&self, hash: u64) -> usize {
        hash.checked_shr(self.bucket_shift).unwrap_or(0) as usize
    }

    fn bucket(&self, hash: u64) -> &[AtomicU32; SLOTS] {
        &self.buckets[self.bucket_number(hash)].0
    }

    /// A slot's value: `number` below, a tag from the hash above.
    fn tagged(&self, hash: u64, number: u32) -> u32 {
        ((hash as u32).checked_shl(self.number_bits).unwrap_or(0)) | number
    }

    fn insert_all(&self, offset: u64, bytes: &[u8], step: usize) {
        let end = (bytes.len() + 1).saturating_sub(SEED);
        let mut at = (offset.next_multiple_of(step as u64) - offset) as usize;
        let mut batch = Vec::with_capacity(BATCH);
        while at < end {
            batch.clear();
            while at < end && batch.len() < BATCH {
                if let Some(hash) = self.hash(&bytes[at..]) {
                    let number = self.bucket_number(hash);
                    self.filter[number].fetch_or(filter_bit(hash), Ordering::Relaxed);
                    std::hint::black_box(self.buckets[number].0[0].load(Ordering::Relaxed));
                    batch.push((hash, ((offset + at as u64) / self.unit) as u32));
                }
                at += step;
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

/// The bit of a filter word that stands for `hash`.
fn filter_bit(hash: u64) -> u64 {
    1 << (hash >> 20 & 63)
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
