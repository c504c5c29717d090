//! What covers, changed bytes and literals cost.

use std::fmt;

/// Units in one bit: prices are whole numbers, so that they add up alike everywhere.
pub(super) const BIT: u32 = 32;

/// A dialect's prices of a stream of covers, in bits of its compressed form.
#[derive(Clone, Copy)]
pub struct CoverPrices {
    /// A cover whose displacement is not that of the cover before.
    pub far: f64,
    /// What such a cover costs more in another slice of the base than the cover before it.
    pub other_slice: f64,
    /// A cover that goes on, after a literal, with the displacement before.
    pub near: f64,
    /// A literal, beside its bytes.
    pub literal: f64,
    /// A changed byte after an unchanged one.
    pub first_change: f64,
    /// A changed byte after a changed one.
    pub next_change: f64,
    /// An unchanged byte after a changed one.
    pub end_of_change: f64,
    /// A byte of a literal, before any is seen.
    pub literal_byte: f64,
    /// Returns how many bytes are left of literals once they are compressed, cheaply estimated.
    pub packed_len: fn(&[u8]) -> usize,
}

impl fmt::Debug for CoverPrices {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CoverPrices").finish_non_exhaustive()
    }
}

/// The same in whole units, with what literals of one cell taught.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prices {
    pub(super) far: u32,
    pub(super) other_slice: u32,
    pub(super) near: u32,
    pub(super) literal: u32,
    pub(super) first_change: u32,
    pub(super) next_change: u32,
    pub(super) end_of_change: u32,
    pub(super) literal_byte: u32,
}

/// As many bytes of literals the presumed price counts.
const PRESUMED_BYTES: f64 = 512.0;
/// Prices that differ by no more are taken for one.
const NEAR: u32 = BIT / 8;
/// The least and the most that a byte of a literal may be taken for, in bits.
const BYTE_BITS: (f64, f64) = (0.5, 8.0);

impl Prices {
    pub(super) fn presumed(of: &CoverPrices) -> Self {
        let units = |bits: f64| (bits * f64::from(BIT)).round().clamp(0.0, 1e6) as u32;
        Prices {
            far: units(of.far),
            other_slice: units(of.other_slice),
            near: units(of.near),
            literal: units(of.literal),
            first_change: units(of.first_change),
            next_change: units(of.next_change),
            end_of_change: units(of.end_of_change),
            literal_byte: units(of.literal_byte),
        }
    }

    /// Returns the prices after `literals` were seen.
    pub(super) fn taught(self, of: &CoverPrices, literals: &[u8]) -> Self {
        let bits = (of.packed_len)(literals) as f64 * 8.0 + PRESUMED_BYTES * of.literal_byte;
        let each = bits / (literals.len() as f64 + PRESUMED_BYTES);
        let each = each.clamp(BYTE_BITS.0, BYTE_BITS.1);
        Prices { literal_byte: (each * f64::from(BIT)).round() as u32, ..self }
    }

    /// Whether the price of literals is so near to that of `other` that nothing else would be chosen for it.
    pub(super) fn is_near(&self, other: &Prices) -> bool {
        self.literal_byte.abs_diff(other.literal_byte) <= NEAR
    }
}
