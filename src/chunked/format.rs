//! The constants of the format.

use std::ops::RangeInclusive;

/// The first bytes of a layer delta: behind them comes the format's version.
pub(super) const MAGIC: [u8; 7] = *b"rmrdelt";
/// The version of layer deltas that open nothing.
pub(super) const PLAIN_VERSION: u8 = 1;
/// The version of layer deltas that open members of archives.
pub(super) const OPEN_VERSION: u8 = 2;
/// The most bytes that an index may have: those of the largest layers take some ten kilobytes, and readers take eight times as
/// much memory.
pub(super) const INDEX_BYTES: u64 = 2 << 20;
/// The most bytes that the streams of a chunk may have together before they are coded, with what the chunk opens of the base.
pub(super) const CHUNK_RAW_BYTES: u64 = 20 << 20;
/// The most bytes of the layer that a chunk may make.
pub(super) const CHUNK_TARGET_BYTES: u64 = 256 << 20;
/// The most covers that a chunk may have.
pub(super) const CHUNK_COVERS: usize = 1 << 19;
/// The most parts into which regions may cut the covers of programs in a chunk.
pub(super) const CHUNK_PARTS: usize = 1 << 19;
/// The most bytes that the stream of programs may have.
pub(super) const PROGRAMS_BYTES: u64 = 1 << 20;
/// The most members that a chunk may have, and the most stretches that it may open.
pub(super) const MEMBERS: usize = 1 << 16;
/// The plain bytes of a chunk are at most so many times those that it makes: no more is deflated for a layer of some size.
pub(super) const PLAIN_RATIO: u64 = 8;
/// The levels of zlib that members may have.
pub(super) const LEVELS: RangeInclusive<u64> = 1..=9;
/// The highest place and address.
pub(super) const ADDRESSES: u64 = 1 << 60;
/// The length of a chunk's digest: SHA-256.
pub(super) const DIGEST_BYTES: usize = 32;
/// A stream as it is.
pub(super) const STORED: u8 = 0;
/// A stream in LZMA, without header and end marker.
pub(super) const LZMA: u8 = 1;
/// A stream in one Zstandard frame.
pub(super) const ZSTD: u8 = 2;
