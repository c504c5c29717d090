//! The constants of the format (RFC 1951), and those of zlib that decide which bytes it makes.

/// The shortest and the longest match.
pub(super) const MATCH_MIN: usize = 3;
pub(super) const MATCH_MAX: usize = 258;
/// How far back a reader looks.
pub(super) const WINDOW: usize = 1 << 15;
/// So many bytes ahead are wanted before a match is looked for: the longest match, and the next one's first bytes.
pub(super) const AHEAD_MIN: usize = MATCH_MAX + MATCH_MIN + 1;
/// The farthest match: of all that is in the window but what the next bytes will replace.
pub(super) const DISTANCE_MAX: usize = WINDOW - AHEAD_MIN;
/// A block ends with so many symbols: what the buffer of memory level 8 holds.
pub(super) const BLOCK_SYMBOLS: usize = (1 << 14) - 1;

/// Literals and lengths, distances, and the lengths of codes.
pub(super) const LITERALS: usize = 256;
pub(super) const LENGTH_CODES: usize = 29;
pub(super) const SYMBOLS: usize = LITERALS + 1 + LENGTH_CODES;
pub(super) const DISTANCES: usize = 30;
pub(super) const CODE_LENGTHS: usize = 19;
/// The symbol that ends a block.
pub(super) const END_OF_BLOCK: usize = LITERALS;
/// The longest code, and the longest code of a code's length.
pub(super) const CODE_MAX: usize = 15;
pub(super) const CODE_LENGTH_MAX: usize = 7;

/// Extra bits behind each length, distance and length of a code.
pub(super) const LENGTH_EXTRA: [u32; LENGTH_CODES] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
pub(super) const DISTANCE_EXTRA: [u32; DISTANCES] = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13,
    13,
];
pub(super) const CODE_LENGTH_EXTRA: [u32; CODE_LENGTHS] =
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 7];
/// The order in which lengths of codes' lengths are told.
pub(super) const CODE_LENGTH_ORDER: [usize; CODE_LENGTHS] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// A length of a code that repeats the one before, and those that repeat 0.
pub(super) const REPEAT: usize = 16;
pub(super) const ZEROS: usize = 17;
pub(super) const MANY_ZEROS: usize = 18;

/// Kinds of blocks.
pub(super) const STORED: u32 = 0;
pub(super) const FIXED: u32 = 1;
pub(super) const DYNAMIC: u32 = 2;
