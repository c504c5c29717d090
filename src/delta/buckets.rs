//! A table of fixed size from hashes to numbers, filled by any number of threads with the same outcome.
//!
//! Buckets of a few slots, no chains: a look-up costs one cache line and a bounded number of
//! candidates, whatever is in the table.

use std::collections::TryReserveError;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

/// The slots of a bucket: half a cache line.
const SLOTS: usize = 8;
/// A slot that holds nothing.
const EMPTY: u32 = u32::MAX;
/// The bits that a number may have: they leave a tag of two bits at least.
pub(super) const NUMBER_BITS_MAX: u32 = 30;
/// Where in a hash the tag is: above what tells samples, below what tells buckets.
const TAG_SHIFT: u32 = 20;

/// Numbers, found by hashes.
pub(super) struct Buckets {
    buckets: Vec<Bucket>,
    /// A slot has the number in this many low bits, and above them a tag from the hash that spares many look-ups of
    /// what has another hash.
    number_bits: u32,
}

#[repr(align(32))]
struct Bucket([AtomicU32; SLOTS]);

impl Buckets {
    /// Returns how many buckets `memory` bytes have room for, one at least.
    pub(super) fn most(memory: u64) -> usize {
        (memory as usize / size_of::<Bucket>()).max(1)
    }

    /// Returns how many buckets `numbers` numbers need. A table at most 7/8 full on average loses few of them to full
    /// buckets.
    pub(super) fn needed(numbers: usize) -> usize {
        numbers * 8 / 7 / SLOTS + 1
    }

    /// Returns how many numbers `count` buckets have room for, in the same sense.
    pub(super) fn room(count: usize) -> usize {
        (count - 1) * SLOTS * 7 / 8
    }

    /// Makes `count` empty buckets for numbers of `number_bits` bits. Fails if the system does not give the memory.
    pub(super) fn new(count: usize, number_bits: u32) -> Result<Self, TryReserveError> {
        Ok(Buckets { buckets: empty_buckets(count)?, number_bits })
    }

    /// Returns the numbers that may have been put in under `hash`, lowest first.
    pub(super) fn numbers(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let tag = self.tagged(hash, 0);
        let mask = (1u32 << self.number_bits) - 1;
        self.bucket(hash)
            .iter()
            .map(|slot| slot.load(Ordering::Relaxed))
            .filter(move |&slot| slot != EMPTY && slot & !mask == tag)
            .map(move |slot| slot & mask)
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
    pub(super) fn touch(&self, hash: u64) {
        std::hint::black_box(self.bucket(hash)[0].load(Ordering::Relaxed));
    }

    /// Puts a number into its bucket. A bucket keeps the lowest numbers it is ever offered, in
    /// order: each slot keeps the least of what reaches it and hands on the rest, so the outcome
    /// is the same in whatever order threads come.
    pub(super) fn insert(&self, hash: u64, number: u32) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_there_is_no_memory_for_is_an_error() {
        assert!(empty_buckets(1 << 50).is_err());
        assert_eq!(empty_buckets(3).map(|buckets| buckets.len()), Ok(3));
    }

    #[test]
    fn a_bucket_keeps_the_lowest_numbers_in_whatever_order_they_come() {
        let forward = Buckets::new(1, 8).expect("memory");
        (0..20).for_each(|number| forward.insert(7, number));
        let backward = Buckets::new(1, 8).expect("memory");
        (0..20).rev().for_each(|number| backward.insert(7, number));
        assert_eq!(forward.numbers(7).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        assert_eq!(backward.numbers(7).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    }
}
