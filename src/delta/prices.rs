//! What commands and literal bytes cost in the end: bits of the compressed stream, plus what the
//! dialect adds, expressed in bits.
//!
//! All prices are in units of 1/32 bit, as integers, so that they add up alike everywhere.

use super::pricing::{Figures, NEARNESS_CLASSES};

/// Units in one bit.
pub(super) const BIT: u32 = 32;
/// Prices above this mean that a command never pays; kept far from overflow.
const PRICE_MAX: f64 = 1e6;

/// What commands cost beside their bytes in the stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExtraPrices {
    pub(super) copy: u32,
    pub(super) literal: u32,
}

impl ExtraPrices {
    pub(super) fn new(figures: &Figures) -> Self {
        let of_bits = |bits: f64| (bits * f64::from(BIT)).round().clamp(0.0, PRICE_MAX) as u32;
        ExtraPrices { copy: of_bits(figures.copy_extra), literal: of_bits(figures.literal_extra) }
    }

    /// Returns the shortest COPY that can pay: it costs no more than its bytes would as bare
    /// literals.
    pub(super) fn shortest_copy(&self, figures: &Figures) -> usize {
        ((self.copy + self.literal + figures.cheapest_commands * BIT) / (8 * BIT)) as usize
    }
}

/// How many classes of nearness there are.
pub(super) const CLASSES: usize = NEARNESS_CLASSES;

/// How many of the high bytes of an offset are not those of the offset before it: what is the same
/// is cheap, because the compressor sees it again and again.
pub(super) fn nearness(before: u64, offset: u64) -> usize {
    match before ^ offset {
        0..=0xff => 0,
        0x100..=0xffff => 1,
        0x1_0000..=0xff_ffff => 2,
        _ => 3,
    }
}

/// Prices of commands in one cell.
#[derive(Debug, Clone)]
pub(super) struct CommandPrices {
    /// Of a LITERAL, without its bytes.
    pub(super) literal: u32,
    /// Of a COPY, without the lowest byte of its offset, by [`nearness`] to the one before.
    pub(super) copy: [u32; CLASSES],
    /// Of the lowest byte of an offset.
    pub(super) offset_low: [u32; 256],
    /// What a length beyond 255 costs more.
    pub(super) long: u32,
}

impl CommandPrices {
    /// The price of a COPY from `offset`, when the last one would have gone on at `before`.
    pub(super) fn copy(&self, before: i64, offset: i64) -> u32 {
        let class = nearness(before as u64, offset as u64);
        self.copy[class] + self.offset_low[(offset & 0xff) as usize]
    }

    /// What no COPY costs less than.
    pub(super) fn cheapest_copy(&self) -> u32 {
        let least = |prices: &[u32]| prices.iter().copied().min().unwrap_or(0);
        least(&self.copy) + least(&self.offset_low)
    }

    /// What a COPY of `len` bytes costs more than one of few.
    pub(super) fn length(&self, len: u32) -> u32 {
        if len > 0xff { self.long } else { 0 }
    }
}

/// Prices of the literal bytes of one segment.
#[derive(Debug, Default)]
pub(super) struct LiteralPrices {
    /// Of each byte, when the byte before it is literal too.
    pub(super) byte: Vec<u32>,
    /// What it costs more to begin a literal at each byte: the start of the repeat whose middle it
    /// is.
    pub(super) enter: Vec<u32>,
}
