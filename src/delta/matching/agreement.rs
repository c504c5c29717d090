//! Which bytes of two slices are equal, a line of them at a time: without a branch for each.

use super::super::extent::word;

/// Bytes that are compared together.
pub(super) const LINE: usize = u64::BITS as usize;

/// Which of the first bytes of two slices are equal.
pub(super) struct Agreement {
    /// The first byte's bit is the lowest.
    bits: u64,
    /// How many bytes were compared.
    len: usize,
}

impl Agreement {
    /// Compares up to [`LINE`] bytes.
    pub(super) fn of(a: &[u8], b: &[u8]) -> Self {
        let len = a.len().min(b.len()).min(LINE);
        let (mut bits, mut at) = (0u64, 0);
        while at + 8 <= len {
            bits |= equal_bytes(word(a, at) ^ word(b, at)) << at;
            at += 8;
        }
        for (place, (x, y)) in a[at..len].iter().zip(&b[at..len]).enumerate() {
            bits |= u64::from(x == y) << (at + place);
        }
        Agreement { bits, len }
    }

    /// How many bytes were compared.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many bytes from `place` on are equal.
    pub(super) fn equal(&self, place: usize) -> usize {
        self.bits.checked_shr(place as u32).unwrap_or(0).trailing_ones() as usize
    }

    /// How many of the first `len` bytes are equal.
    pub(super) fn equal_of(&self, len: usize) -> usize {
        let first = u64::MAX.checked_shr((LINE - len) as u32).unwrap_or(0);
        (self.bits & first).count_ones() as usize
    }

    /// How many bytes from `place` on are changed.
    pub(super) fn changed(&self, place: usize) -> usize {
        let zeros = self.bits.checked_shr(place as u32).unwrap_or(0).trailing_zeros() as usize;
        zeros.min(self.len.saturating_sub(place))
    }
}

/// The bytes of `difference` that are 0, one bit for each.
fn equal_bytes(difference: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // The highest bit of each byte that is 0, and no other bit.
    let zero = !(((difference & LOW) + LOW) | difference | LOW);
    // Brings those bits together in the highest byte.
    (zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}
