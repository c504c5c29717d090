//! The fixed numbers of a batch as we write it: its header and its end.
//!
//! Protocol 31 with compatibility flags 0 is what every rsync from 3.1.0 to 3.5 reads.

use sha2::{Digest as _, Sha256};

use super::numbers::{push_int, push_varlong};

/// The reader's options that a batch sets: recurse, owner, group, links, devices, hard links,
/// checksums, directories, compression.
pub(super) const STREAM_FLAGS: u32 = 0x1ff;
/// Of the stream flags: entries have owners.
pub(super) const OWNERS: u32 = 1 << 1;
/// Of the stream flags: entries have groups.
pub(super) const GROUPS: u32 = 1 << 2;
/// Of the stream flags: regular entries have checksums.
pub(super) const CHECKSUMS: u32 = 1 << 6;
/// Of the stream flags: records are compressed.
pub(super) const COMPRESSED: u32 = 1 << 8;
/// The flags that every batch of an archive has, and those that may be there besides.
pub(super) const REQUIRED_FLAGS: u32 = 0x9f;
pub(super) const KNOWN_FLAGS: u32 = STREAM_FLAGS;

/// The protocol version.
pub(super) const PROTOCOL: u32 = 31;
/// A version without nanoseconds, and without the last mark at the end.
pub(super) const PROTOCOL_30: i32 = 30;
/// The last version with the same format otherwise.
pub(super) const PROTOCOL_MAX: i32 = 33;

/// Of the compatibility flags: the list comes in pieces, which is not read here.
pub(super) const INCREMENTAL: u32 = 1;
/// Of the compatibility flags: entries' flags are varints.
pub(super) const VARINT_FLAGS: u32 = 1 << 7;
/// Of the compatibility flags: a name for id 0 follows the lists of ids.
pub(super) const ID_0_NAMES: u32 = 1 << 8;

/// Where batches have the seed of their block checksums, ours say that Remora made them: they have
/// no block checksums.
pub(super) const MARK: u32 = u32::from_le_bytes(*b"rmra");
/// A seed that is so many bits from [`MARK`] is a damaged one.
const DAMAGED_BITS: u32 = 2;
/// How many numbers of statistics there are at the end. Readers only ever print them, so ours are
/// a checksum.
pub(super) const STATISTICS: usize = 5;

/// A checksum over a delta from its first byte up to the statistics: the first 16 bytes of its
/// SHA-256, as the five numbers in their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checksum(pub(super) [i64; STATISTICS]);

impl Checksum {
    pub(super) fn of(hash: Sha256) -> Self {
        let digest: [u8; 32] = hash.finalize().into();
        Checksum(std::array::from_fn(|number| {
            let first = number * 3;
            let last = if number + 1 == STATISTICS { first + 4 } else { first + 3 };
            digest[first..last].iter().fold(0, |value, &byte| value << 8 | i64::from(byte))
        }))
    }

    /// Appends the numbers.
    pub(super) fn push(self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|&number| push_varlong(out, number, 3));
    }
}

/// Whether the seed of a batch says that we made it; `None` if it did before it was damaged.
pub(super) fn is_marked(seed: u32) -> Option<bool> {
    match (seed ^ MARK).count_ones() {
        0 => Some(true),
        1..=DAMAGED_BITS => None,
        _ => Some(false),
    }
}

/// Appends the header.
pub(super) fn push_header(out: &mut Vec<u8>) {
    push_int(out, STREAM_FLAGS);
    push_int(out, PROTOCOL);
    out.push(0);
    push_int(out, MARK);
}
