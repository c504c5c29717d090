//! The dense index of partners: every position of the old files that changed files probably come from.
//!
//! Each partner's seeds are told apart by its number, so that one table serves all and a look-up finds nothing of other
//! files. The table counts positions in the partners put together and not in the base: the shorter the number, the more
//! of a slot tells what has another hash.

use std::collections::{HashMap, TryReserveError};
use std::ops::Range;

use super::super::Base;
use super::super::extent::word;
use super::base_entries::Content;
use super::buckets::{self, Buckets, Collected, NUMBER_BITS_MAX};

/// Bytes a seed has.
pub(super) const SEED: usize = 8;
/// The stretch of a partner that one job collects from.
const PIECE: usize = 256 << 10;

/// Where the seeds of partners are.
pub(in crate::delta) struct DenseIndex<'a> {
    buckets: Buckets,
    /// One in how many positions is there, as a power of two.
    shift: u32,
    partners: HashMap<u32, Partner<'a>>,
}

/// An indexed content of the base.
#[derive(Clone)]
struct Partner<'a> {
    /// The slice of the base that has it, and where.
    slice: &'a [u8],
    range: Range<usize>,
    /// Where it starts in the base stream.
    offset: u64,
    /// The number of its first position in the table.
    first: u32,
    salt: u64,
}

impl<'a> Partner<'a> {
    /// All of its seeds, short enough for one job each.
    fn pieces(&self, shift: u32) -> impl Iterator<Item = Piece<'a>> {
        let end = (self.range.len() + 1).saturating_sub(SEED);
        let each = PIECE.next_multiple_of(1 << shift);
        let range = move |start: usize| start..end.min(start + each);
        let piece = move |start| Piece { partner: self.clone(), range: range(start), shift };
        (0..end).step_by(each).map(piece)
    }
}

/// A part of a partner's seeds: those that begin in `range` of its content, one in so many as the index has.
struct Piece<'a> {
    partner: Partner<'a>,
    range: Range<usize>,
    shift: u32,
}

impl buckets::Piece for Piece<'_> {
    fn seeds(&self) -> usize {
        self.range.len() >> self.shift
    }

    fn collect(&self, into: &mut Collected) {
        let Partner { slice, range, first, salt, .. } = &self.partner;
        let bytes = &slice[range.clone()];
        for at in self.range.clone().step_by(1 << self.shift) {
            if let Some(hash) = hash(&bytes[at..], *salt) {
                into.add(hash, first + (at >> self.shift) as u32);
            }
        }
    }
}

impl<'a> DenseIndex<'a> {
    /// Returns how many bytes of partners `memory` bytes have room for, every position of them.
    pub(in crate::delta) fn most(memory: u64) -> usize {
        Buckets::room(Buckets::most(memory))
    }

    /// Indexes `partners`, numbered contents of the base, in at most `memory` bytes: if they are more than there is
    /// room for, every second position is left out until they are not.
    ///
    /// # Errors
    /// If the system does not give the memory.
    pub(in crate::delta) fn new(
        base: &Base<'a>,
        partners: &[(u32, &Content)],
        memory: u64,
    ) -> Result<Self, TryReserveError> {
        let count = |shift: u32| -> usize {
            partners.iter().map(|(_, content)| positions(content, shift)).sum()
        };
        let mut shift = 0;
        while Buckets::needed(count(shift)) > Buckets::most(memory)
            || count(shift) >> NUMBER_BITS_MAX != 0
        {
            shift += 1;
        }
        let number_bits = usize::BITS - (count(shift) + 1).leading_zeros();
        let mut known = HashMap::new();
        let mut first = 0;
        let mut pieces = Vec::new();
        for &(number, content) in partners {
            let slice = base.slices()[content.slice];
            let salt = u64::from(number).wrapping_mul(0xd6e8_feb8_6659_fd93);
            let (range, offset) = (content.range.clone(), content.offset(base));
            let partner = Partner { slice, range, offset, first, salt };
            pieces.extend(partner.pieces(shift));
            known.insert(number, partner);
            first += positions(content, shift) as u32;
        }
        let buckets = Buckets::filled(Buckets::needed(count(shift)), number_bits, &pieces)?;
        Ok(DenseIndex { buckets, shift, partners: known })
    }

    /// Returns the seeds of content number `partner`, if that is indexed.
    pub(super) fn seeds_of(&self, partner: u32) -> Option<PartnerSeeds<'a, '_>> {
        let partner = self.partners.get(&partner)?;
        Some(PartnerSeeds { index: self, partner })
    }
}

/// The seeds of one partner.
pub(super) struct PartnerSeeds<'a, 'i> {
    index: &'i DenseIndex<'a>,
    partner: &'i Partner<'a>,
}

impl<'a> PartnerSeeds<'a, '_> {
    /// Returns the hash of the seed that `bytes` begins with, or `None` if the seed is one byte repeated, and begins to
    /// bring what [`found`](Self::found) reads into the cache.
    pub(super) fn hash(&self, bytes: &[u8]) -> Option<u64> {
        let hash = hash(bytes, self.partner.salt)?;
        self.index.buckets.touch(hash);
        Some(hash)
    }

    /// Returns where in the base stream a seed of `hash` may be, each with what the base has from there on, lowest first.
    pub(super) fn found(&self, hash: u64) -> impl Iterator<Item = (u64, &'a [u8])> + '_ {
        let Partner { slice, range, offset, first, .. } = self.partner;
        let shift = self.index.shift;
        self.index.buckets.numbers(hash).filter_map(move |number| {
            let at = (number.checked_sub(*first)? as usize) << shift;
            (at < range.len()).then(|| (offset + at as u64, &slice[range.start + at..]))
        })
    }
}

/// How many positions of `content` are indexed.
fn positions(content: &Content, shift: u32) -> usize {
    content.range.len().div_ceil(1 << shift)
}

/// The hash of the seed that `bytes` begins with, told apart by `salt`, or `None` if the seed is one byte repeated.
fn hash(bytes: &[u8], salt: u64) -> Option<u64> {
    let seed = word(bytes, 0);
    if seed == seed.rotate_left(8) {
        return None;
    }
    let hash = (seed ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Some((hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93))
}
