//! The constants of the format.

/// The first bytes of a stream of version 1.
pub(super) const MAGIC: [u8; 8] = *b"tardf1\n\0";
/// The first bytes of a stream of version 2, which has one operation more.
pub(super) const MAGIC_2: [u8; 8] = *b"tardf2\n\0";
/// Bytes of the stream itself follow.
pub(super) const DATA: u8 = 0;
/// A path follows: that file is the current one, and its first byte the next.
pub(super) const OPEN: u8 = 1;
/// Bytes of the current file.
pub(super) const COPY: u8 = 2;
/// Bytes follow that are added to those of the current file.
pub(super) const ADD: u8 = 3;
/// The next byte of the current file.
pub(super) const SEEK: u8 = 4;
/// A Zstandard frame follows that was compressed with the current file as its prefix; afterwards the place is the file's end.
/// Only version 2 has it.
pub(super) const FRAME: u8 = 5;
/// The longest path, in bytes.
pub(super) const PATH_BYTES: usize = 4_096;
/// The most bytes of one ADD that readers take.
pub(super) const ADD_BYTES: u64 = 100 << 20;
/// The largest window of the compression that readers take, as a power of two.
pub(super) const WINDOW_LOG: u32 = 27;
/// The same of a [`FRAME`], whose file is no larger either.
pub(super) const FRAME_WINDOW_LOG: u32 = 29;
