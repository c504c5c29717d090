//! The dense index of partners: every position of the old files that changed files probably come from.
//!
//! Each partner's seeds are told apart by its number, so that one table serves all and a look-up finds nothing of other files.

use std::collections::TryReserveError;

use rayon::prelude::*;

use super::super::Base;
use super::super::base_entries::Content;
use super::super::buckets::{Buckets, NUMBER_BITS_MAX};
use super::super::extent::word;

/// Bytes a seed has.
pub(super) const SEED: usize = 8;
/// The stretch of a partner that one job inserts.
const PIECE: usize = 256 << 10;

/// So many seeds are hashed before the first of them is inserted: their cache misses overlap.
const AT_A_TIME: usize = 64;
/// So many times more room than seeds: seeds that many places have fill their buckets, and others' with them.
const SPARSER: usize = 1;

/// Where the seeds of partners are.
pub(super) struct DenseIndex {
    buckets: Buckets,
    /// Positions are stored without so many low bits: only one in so many is there.
    shift: u32,
}

impl DenseIndex {
    /// Returns how many bytes of partners `memory` bytes have room for, every position of them.
    pub(super) fn most(memory: u64) -> usize {
        Buckets::room(Buckets::most(memory)) / SPARSER
    }

    /// Indexes `partners`, numbered contents of the base, in at most `memory` bytes: if they are more than there is
    /// room for, every second position is left out until they are not.
    ///
    /// # Errors
    /// If the system does not give the memory.
    pub(super) fn new(
        base: &Base<'_>,
        partners: &[(u32, &Content)],
        memory: u64,
    ) -> Result<Self, TryReserveError> {
        let bytes: usize = partners.iter().map(|(_, content)| content.range.len()).sum();
        let position_bits = u64::BITS - (base.len() + 1).leading_zeros();
        let mut shift = position_bits.saturating_sub(NUMBER_BITS_MAX);
        let needed = |shift: u32| Buckets::needed((bytes >> shift) * SPARSER);
        while needed(shift) > Buckets::most(memory) {
            shift += 1;
        }
        let buckets = Buckets::new(needed(shift), position_bits - shift)?;
        let index = DenseIndex { buckets, shift };
        partners.par_iter().for_each(|&(number, content)| index.insert(base, number, content));
        Ok(index)
    }

    fn insert(&self, base: &Base<'_>, partner: u32, content: &Content) {
        let (bytes, offset) = (content.bytes(base), content.offset(base));
        let step = 1 << self.shift;
        let first = (offset.next_multiple_of(step) - offset) as usize;
        let end = (bytes.len() + 1).saturating_sub(SEED);
        let pieces: Vec<usize> =
            (first..end).step_by(PIECE.next_multiple_of(step as usize)).collect();
        pieces.into_par_iter().for_each(|start| {
            let mut places = (start..end.min(start + PIECE)).step_by(step as usize).peekable();
            let mut some = Vec::with_capacity(AT_A_TIME);
            while places.peek().is_some() {
                let hashed = |at| hash(&bytes[at..], partner).map(|hash| (hash, at));
                some.clear();
                some.extend(places.by_ref().take(AT_A_TIME).filter_map(hashed));
                some.iter().for_each(|&(hash, _)| self.buckets.touch(hash));
                for &(hash, at) in &some {
                    self.buckets.insert(hash, ((offset + at as u64) >> self.shift) as u32);
                }
            }
        });
    }

    /// Returns positions in the base stream where `partner` may have the seed that `bytes` begins with, lowest first.
    pub(super) fn positions(&self, bytes: &[u8], partner: u32) -> impl Iterator<Item = u64> + '_ {
        let hash = hash(bytes, partner);
        hash.into_iter()
            .flat_map(|hash| self.buckets.numbers(hash))
            .map(|number| u64::from(number) << self.shift)
    }
}

/// The hash of the seed that `bytes` begins with in `partner`, or `None` if the seed is one byte repeated.
fn hash(bytes: &[u8], partner: u32) -> Option<u64> {
    let seed = word(bytes, 0);
    if seed == seed.rotate_left(8) {
        return None;
    }
    let salted = seed ^ u64::from(partner).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let hash = salted.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Some((hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93))
}
