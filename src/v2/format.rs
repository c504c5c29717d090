//! The fixed numbers of a batch as we write it: its header and its end.
//!
//! Protocol 31 with compatibility flags 0 is what every rsync from 3.1.0 to 3.5 reads.

use super::numbers::push_int;

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

/// A seed for block checksums, of which a batch has none.
const CHECKSUM_SEED: u32 = 1;
/// How many numbers of statistics there are at the end.
pub(super) const STATISTICS: usize = 5;

/// Appends the header.
pub(super) fn push_header(out: &mut Vec<u8>) {
    push_int(out, STREAM_FLAGS);
    push_int(out, PROTOCOL);
    out.push(0);
    push_int(out, CHECKSUM_SEED);
}
