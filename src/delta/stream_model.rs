//! What a compressor will make of a delta stream: a look ahead that prices every byte.
//!
//! A greedy search for repeats, as deflate's and zstd's own, and an order-0 model of what no repeat covers.
//! Far from exact, but it sees what decides: which bytes are rare, what repeats, and how much a
//! command costs among the others.

use super::extent::common_prefix;
use super::prices::BIT;
use super::pricing::Repeats;

/// Positions of four-byte words seen, by hash.
const TABLE_BITS: u32 = 13;
/// The shortest repeat looked for.
const SHORTEST: usize = 4;
/// How often each byte value counts before any is seen.
const PRIOR: u32 = 2;

/// A repeat of earlier bytes of the stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeat {
    pub(super) len: usize,
    /// What the compressor pays for it.
    pub(super) price: u32,
}

/// Where words of a stream were last seen, up to some position.
pub(super) struct History<'a> {
    stream: &'a [u8],
    repeats: Repeats,
    table: &'a mut [u32],
    seen: usize,
}

/// Memory for a [`History`].
pub(super) struct HistoryTable(Box<[u32]>);

impl Default for HistoryTable {
    fn default() -> Self {
        HistoryTable(vec![0; 1 << TABLE_BITS].into())
    }
}

impl<'a> History<'a> {
    /// Nothing seen yet.
    pub(super) fn new(stream: &'a [u8], repeats: Repeats, table: &'a mut HistoryTable) -> Self {
        table.0.fill(0);
        History { stream, repeats, table: &mut table.0, seen: 0 }
    }

    /// Takes in the stream up to `position`.
    pub(super) fn advance(&mut self, position: usize) {
        let end = position.min(self.stream.len().saturating_sub(SHORTEST - 1));
        if self.seen < end {
            for word in self.stream[self.seen..end + SHORTEST - 1].array_windows() {
                self.seen += 1;
                self.table[slot(word)] = self.seen as u32;
            }
        }
    }

    /// The repeat that `bytes` would begin with, were they at `position` of the stream.
    pub(super) fn find(&self, bytes: &[u8], position: usize) -> Option<Repeat> {
        let (first, rest) = bytes.split_first_chunk::<SHORTEST>()?;
        let at = (self.table[slot(first)] as usize).checked_sub(1)?;
        let (seen, after) = self.stream[at..].split_first_chunk::<SHORTEST>()?;
        let distance = position.saturating_sub(at).max(1);
        // Most words were not seen; that is told without a call.
        if first != seen || distance > self.repeats.window {
            return None;
        }
        let most = rest.len().min(self.repeats.longest - SHORTEST);
        let distance_bits = usize::BITS - distance.leading_zeros();
        let price = (self.repeats.token_bits + distance_bits) * BIT;
        Some(Repeat { len: SHORTEST + common_prefix(&rest[..most], after), price })
    }
}

fn slot(bytes: &[u8; SHORTEST]) -> usize {
    let word = u32::from_le_bytes(*bytes);
    (word.wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS)) as usize
}

/// Prices of a stream's bytes.
pub(super) struct StreamPrices {
    /// Of every byte value that no repeat covers.
    pub(super) value: [u32; 256],
    /// Of every byte of the stream: its value's, or its share of the repeat that covers it.
    pub(super) share: Vec<u32>,
}

/// Prices `stream`, in the memory that `share` has.
pub(super) fn price_stream(
    stream: &[u8],
    costs: Repeats,
    table: &mut HistoryTable,
    mut share: Vec<u32>,
) -> StreamPrices {
    let mut counts = [PRIOR; 256];
    let mut repeats: Vec<(usize, Repeat)> = Vec::new();
    let mut history = History::new(stream, costs, table);
    let mut at = 0;
    while at < stream.len() {
        history.advance(at);
        match history.find(&stream[at..], at) {
            Some(repeat) if repeat.len > SHORTEST => {
                repeats.push((at, repeat));
                for b in &stream[at..at + repeat.len] {
                    counts[usize::from(*b)] += 1;
                }
                at += repeat.len;
            }
            _ => {
                counts[usize::from(stream[at])] += 1;
                at += 1;
            }
        }
    }
    let symbols = counts.iter().sum::<u32>() + repeats.len() as u32;
    let value = counts.map(|count| bits(symbols, count));
    share.clear();
    share.extend(stream.iter().map(|&byte| value[usize::from(byte)]));
    for (at, repeat) in repeats {
        share[at..at + repeat.len].fill(repeat.price / repeat.len as u32);
    }
    StreamPrices { value, share }
}

/// The price of a symbol that is `count` of `total`, as a Huffman code would have it.
fn bits(total: u32, count: u32) -> u32 {
    let bits = (f64::from(total) / f64::from(count)).log2();
    ((bits * f64::from(BIT)) as u32).clamp(BIT, 15 * BIT)
}
