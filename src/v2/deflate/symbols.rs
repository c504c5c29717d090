//! Deflate's alphabets (RFC 1951, 3.2.5).

/// How many literal and length symbols there are.
pub(super) const LITERALS: usize = 286;
/// How many distance symbols there are.
pub(super) const DISTANCES: usize = 30;
/// The symbol that ends a block.
pub(super) const END: usize = 256;
/// The shortest and the longest match.
pub(super) const MATCH_MIN: usize = 3;
pub(super) const MATCH_MAX: usize = 258;
/// How far back a match may lie.
pub(super) const WINDOW: usize = 32 << 10;

/// The order in which the lengths of the code length code are written (3.2.7).
pub(super) const CODE_LENGTH_ORDER: [usize; 19] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// One step of a block: a literal byte, or a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    Literal(u8),
    Match { len: u16, distance: u16 },
}

/// A symbol of an alphabet with the bits that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coded {
    pub(super) symbol: usize,
    pub(super) extra_bits: u32,
    pub(super) extra: u32,
}

/// The symbol of a match length.
pub(super) fn length(len: u16) -> Coded {
    if usize::from(len) == MATCH_MAX {
        return Coded { symbol: 285, extra_bits: 0, extra: 0 };
    }
    let Coded { symbol, extra_bits, extra } = coded(u32::from(len) - 3, 4);
    Coded { symbol: symbol + 257, extra_bits, extra }
}

/// The symbol of a match distance; 0 stands for 65,536 and never occurs.
pub(super) fn distance(distance: u16) -> Coded {
    coded(u32::from(distance) - 1, 2)
}

/// Values in groups whose width doubles every `groups` symbols.
fn coded(value: u32, groups: u32) -> Coded {
    let shift = groups.trailing_zeros();
    if value < 2 * groups {
        return Coded { symbol: value as usize, extra_bits: 0, extra: 0 };
    }
    let extra_bits = value.ilog2() - shift;
    let symbol = (extra_bits << shift) + (value >> extra_bits);
    Coded { symbol: symbol as usize, extra_bits, extra: value & ((1 << extra_bits) - 1) }
}

/// The code lengths of blocks with fixed codes.
pub(super) fn fixed_literal_len(symbol: usize) -> u8 {
    match symbol {
        0..=143 => 8,
        144..=255 => 9,
        256..=279 => 7,
        _ => 8,
    }
}

/// The code length of every distance in blocks with fixed codes.
pub(super) const FIXED_DISTANCE_LEN: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_distances_are_coded_as_the_rfc_says() {
        let code = |coded: Coded| (coded.symbol, coded.extra_bits, coded.extra);
        for (len, expected) in [
            (3, (257, 0, 0)),
            (10, (264, 0, 0)),
            (11, (265, 1, 0)),
            (18, (268, 1, 1)),
            (19, (269, 2, 0)),
            (130, (280, 4, 15)),
            (131, (281, 5, 0)),
            (257, (284, 5, 30)),
            (258, (285, 0, 0)),
        ] {
            assert_eq!(code(length(len)), expected, "{len}");
        }
        for (far, expected) in [
            (1, (0, 0, 0)),
            (4, (3, 0, 0)),
            (5, (4, 1, 0)),
            (7, (5, 1, 0)),
            (192, (14, 6, 63)),
            (24577, (29, 13, 0)),
            (32768, (29, 13, 8191)),
        ] {
            assert_eq!(code(distance(far)), expected, "{far}");
        }
    }
}
