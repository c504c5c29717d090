//! Where what was at an old address is now.

use std::cmp::Reverse;

use super::stretch::Stretch;

/// Bytes that moved together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moved {
    /// The old address of the first.
    old: u64,
    /// How many they are. The longest comes first in order.
    len: Reverse<u64>,
    /// The new address of the first.
    new: u64,
}

/// The map of one program, made of the stretches of its covers.
#[derive(Debug, Default)]
pub(super) struct AddressMap {
    /// By old addresses; each counts up to the next one.
    moved: Vec<Moved>,
}

impl AddressMap {
    /// Where stretches overlap, the one that begins first counts, of several the longest, of several such the one whose
    /// new address is lowest. What no stretch has moved as what is before it.
    pub(super) fn new(stretches: impl IntoIterator<Item = Stretch>) -> Self {
        let moved = |stretch: Stretch| Moved {
            old: stretch.old,
            len: Reverse(stretch.len),
            new: stretch.new,
        };
        let mut moved: Vec<Moved> = stretches.into_iter().map(moved).collect();
        moved.sort_unstable();
        let mut end = 0;
        moved.retain_mut(|stretch| {
            let (covered, len) = (end, stretch.len.0);
            end = end.max(stretch.old + len);
            let hidden = covered.saturating_sub(stretch.old);
            (stretch.old, stretch.new) = (stretch.old + hidden, stretch.new.wrapping_add(hidden));
            hidden < len
        });
        AddressMap { moved }
    }

    /// Returns the new address of what was at `old`.
    pub(super) fn new_address(&self, old: u64) -> u64 {
        let begun = self.moved.partition_point(|moved| moved.old <= old);
        let moved = self.moved.get(begun.saturating_sub(1));
        moved.map_or(old, |moved| old.wrapping_sub(moved.old).wrapping_add(moved.new))
    }
}
