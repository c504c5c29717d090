//! What zlib's levels mean.

/// How hard one level tries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// From such a match on, a quarter of the candidates is looked at for the next.
    pub(super) good: usize,
    /// A match of so many bytes is taken without looking for a longer one at the next byte. Without laziness: bytes of a
    /// longer match are not looked up later.
    pub(super) lazy: usize,
    /// The search ends with such a match.
    pub(super) nice: usize,
    /// How many candidates are looked at.
    pub(super) candidates: usize,
    /// Whether a match waits for a longer one at the next byte.
    pub(super) is_lazy: bool,
}

/// The levels from 1 on.
const LEVELS: [(usize, usize, usize, usize, bool); 9] = [
    (4, 4, 8, 4, false),
    (4, 5, 16, 8, false),
    (4, 6, 32, 32, false),
    (4, 4, 16, 16, true),
    (8, 16, 32, 32, true),
    (8, 16, 128, 128, true),
    (8, 32, 128, 256, true),
    (32, 128, 258, 1024, true),
    (32, 258, 258, 4096, true),
];

impl Effort {
    /// That of `level`, 1 to 9.
    pub(super) fn of_level(level: u8) -> Option<Self> {
        let index = usize::from(level).checked_sub(1)?;
        let &(good, lazy, nice, candidates, is_lazy) = LEVELS.get(index)?;
        Some(Effort { good, lazy, nice, candidates, is_lazy })
    }
}
