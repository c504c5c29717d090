//! What things cost in the end: bytes after deflate, plus the device's time expressed in bytes.
//!
//! All prices are in units of 1/32 bit, as integers, so that they add up alike everywhere.

use super::Goal;
use super::matches::Match;

/// Units in one bit.
pub(super) const BIT: u32 = 32;

/// Prices of commands, the same for a whole image.
#[derive(Debug, Clone, Copy)]
pub(super) struct CommandPrices {
    /// Of a LITERAL command, without its bytes.
    pub(super) literal: u32,
    /// Of a COPY whose offset and length have no structure.
    pub(super) copy: u32,
    /// What a COPY saves whose offset is a multiple of 512.
    pub(super) aligned: u32,
    /// What a length beyond 255 costs more.
    pub(super) long: u32,
}

impl CommandPrices {
    pub(super) fn new(goal: &Goal) -> Self {
        let of_bytes = |bytes: f64| (bytes * 8.0 * f64::from(BIT)).round() as u32;
        CommandPrices {
            literal: 6 * BIT + of_bytes(goal.literal_bytes()),
            copy: 42 * BIT + of_bytes(goal.copy_bytes()),
            aligned: 6 * BIT,
            long: 6 * BIT,
        }
    }
}

/// Prices of the literal bytes of one segment.
#[derive(Debug, Default)]
pub(super) struct LiteralPrices {
    /// Of each byte, when the byte before it is literal too.
    pub(super) byte: Vec<u32>,
    /// What it costs more to begin a literal at each byte: the start of the deflate match whose
    /// middle it is.
    pub(super) enter: Vec<u32>,
}

/// Positions of four-byte words seen, by hash.
const TABLE_BITS: u32 = 15;
/// The window of deflate.
const WINDOW: usize = 32 << 10;
/// The longest match of deflate.
const LONGEST: usize = 258;
/// The shortest match worth pricing.
const SHORTEST: usize = 4;
/// A match this long in the base is presumed to become a COPY.
const PRESUMED_COPY: usize = 24;
/// Bytes a presumed COPY takes in the stream, with the LITERAL after it.
const COMMAND_BYTES: usize = 7;

/// Prices literals by a look ahead at what deflate will make of them: an order-0 model of the
/// bytes, and a greedy search for repeats among what is presumed literal.
pub(super) struct Pricer {
    /// Where in `history` a word was last seen, plus one.
    table: Vec<u32>,
    /// What is presumed literal so far.
    history: Vec<u8>,
    counts: [u32; 256],
    /// How far into the delta stream each byte of `history` is.
    stream: Vec<u32>,
    stream_at: u32,
}

impl Pricer {
    pub(super) fn new() -> Self {
        Pricer {
            table: vec![0; 1 << TABLE_BITS],
            history: Vec::new(),
            counts: [4; 256],
            stream: Vec::new(),
            stream_at: 0,
        }
    }

    /// Prices the bytes of a segment in which `matches` were found. Segments come in target order.
    pub(super) fn price(&mut self, bytes: &[u8], matches: &[Match]) -> LiteralPrices {
        let presumed = presumed_literal(bytes, matches);
        for range in &presumed {
            bytes[range.clone()].iter().for_each(|&byte| self.counts[usize::from(byte)] += 1);
        }
        let order0 = self.order0();
        let mut prices = LiteralPrices {
            byte: bytes.iter().map(|&byte| order0[usize::from(byte)]).collect(),
            enter: vec![0; bytes.len()],
        };
        let mut presumed = presumed.into_iter().peekable();
        let mut at = 0;
        while at < bytes.len() {
            while presumed.next_if(|range| range.end <= at).is_some() {
                self.stream_at += COMMAND_BYTES as u32;
            }
            let step = match self.find(&bytes[at..]) {
                Some((len, distance)) => self.price_match(&mut prices, at, len, distance),
                None => 1,
            };
            for (at, &byte) in bytes.iter().enumerate().skip(at).take(step) {
                while presumed.next_if(|range| range.end <= at).is_some() {
                    self.stream_at += COMMAND_BYTES as u32;
                }
                if presumed.peek().is_some_and(|range| range.contains(&at)) {
                    self.push(byte);
                }
            }
            at += step;
        }
        prices
    }

    /// Sets the prices of a repeat of `len` bytes, if that is cheaper than the bytes themselves.
    /// Returns how many bytes are priced now.
    fn price_match(
        &self,
        prices: &mut LiteralPrices,
        at: usize,
        len: usize,
        distance: u32,
    ) -> usize {
        let price = (9 + (32 - distance.leading_zeros())) * BIT;
        let singly: u32 = prices.byte[at..at + len].iter().sum();
        if price >= singly {
            return 1;
        }
        prices.byte[at] = price;
        prices.byte[at + 1..at + len].fill(0);
        prices.enter[at + 1..at + len].fill(price);
        len
    }

    fn find(&self, bytes: &[u8]) -> Option<(usize, u32)> {
        let slot = slot(bytes)?;
        let seen = (self.table[slot] as usize).checked_sub(1)?;
        let distance = self.stream_at - self.stream[seen];
        if distance as usize > WINDOW {
            return None;
        }
        let len =
            super::extent::common_prefix(&bytes[..bytes.len().min(LONGEST)], &self.history[seen..]);
        (len >= SHORTEST).then_some((len, distance.max(1)))
    }

    fn push(&mut self, byte: u8) {
        self.history.push(byte);
        self.stream.push(self.stream_at);
        self.stream_at += 1;
        let Some(start) = self.history.len().checked_sub(SHORTEST) else { return };
        if let Some(slot) = slot(&self.history[start..]) {
            self.table[slot] = start as u32 + 1;
        }
    }

    /// Price of each byte value by how often it was presumed literal.
    fn order0(&self) -> [u32; 256] {
        let total: u32 = self.counts.iter().sum();
        self.counts.map(|count| {
            let bits = (f64::from(total) / f64::from(count)).log2();
            ((bits * f64::from(BIT)) as u32).clamp(BIT, 14 * BIT)
        })
    }
}

fn slot(bytes: &[u8]) -> Option<usize> {
    let word = u32::from_le_bytes(bytes.get(..SHORTEST)?.try_into().ok()?);
    Some((word.wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS)) as usize)
}

/// The stretches that no match of some length covers.
fn presumed_literal(bytes: &[u8], matches: &[Match]) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    for found in matches.iter().filter(|found| found.len() >= PRESUMED_COPY) {
        if found.start as usize > at {
            ranges.push(at..found.start as usize);
        }
        at = at.max(found.end as usize);
    }
    if at < bytes.len() {
        ranges.push(at..bytes.len());
    }
    ranges
}
