//! The bits of an entry's flags and of its mode, as they are on the wire.

pub(super) const TOP_DIRECTORY: u32 = 1;
pub(super) const SAME_MODE: u32 = 1 << 1;
pub(super) const SECOND_BYTE: u32 = 1 << 2;
pub(super) const SAME_UID: u32 = 1 << 3;
pub(super) const SAME_GID: u32 = 1 << 4;
pub(super) const SAME_NAME: u32 = 1 << 5;
pub(super) const LONG_NAME: u32 = 1 << 6;
pub(super) const SAME_TIME: u32 = 1 << 7;
pub(super) const SAME_MAJOR: u32 = 1 << 8;
pub(super) const NO_CONTENT: u32 = 1 << 8;
pub(super) const HARD_LINKED: u32 = 1 << 9;
pub(super) const USER_NAME: u32 = 1 << 10;
pub(super) const GROUP_NAME: u32 = 1 << 11;
pub(super) const FIRST_LINK: u32 = 1 << 12;
/// With nothing but [`SECOND_BYTE`]: the sender could not read everything.
pub(super) const LIST_ERROR: u32 = 1 << 12;
pub(super) const NANOSECONDS: u32 = 1 << 13;

pub(super) const TYPE_BITS: u32 = 0o170_000;
pub(super) const FIFO: u32 = 0o010_000;
pub(super) const CHAR_DEVICE: u32 = 0o020_000;
pub(super) const DIRECTORY: u32 = 0o040_000;
pub(super) const BLOCK_DEVICE: u32 = 0o060_000;
pub(super) const FILE: u32 = 0o100_000;
pub(super) const SYMLINK: u32 = 0o120_000;
pub(super) const SOCKET: u32 = 0o140_000;
