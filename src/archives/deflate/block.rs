//! One block: its symbols, and the cheapest way to write them.

use super::bits::Bits;
use super::format::{
    BLOCK_SYMBOLS, CODE_LENGTH_EXTRA, CODE_LENGTH_MAX, CODE_LENGTH_ORDER, CODE_LENGTHS, CODE_MAX,
    DISTANCE_EXTRA, DISTANCES, DYNAMIC, END_OF_BLOCK, FIXED, LENGTH_CODES, LENGTH_EXTRA, LITERALS,
    MATCH_MIN, STORED, SYMBOLS,
};
use super::runs::{Run, runs};
use super::tree::{Alphabet, Code};

const SYMBOL_ALPHABET: Alphabet = Alphabet {
    extra: &LENGTH_EXTRA,
    extra_from: LITERALS + 1,
    symbols: SYMBOLS,
    longest: CODE_MAX,
};
const DISTANCE_ALPHABET: Alphabet =
    Alphabet { extra: &DISTANCE_EXTRA, extra_from: 0, symbols: DISTANCES, longest: CODE_MAX };
const CODE_LENGTH_ALPHABET: Alphabet = Alphabet {
    extra: &CODE_LENGTH_EXTRA,
    extra_from: 0,
    symbols: CODE_LENGTHS,
    longest: CODE_LENGTH_MAX,
};
/// A stored block says its length twice, in two bytes each.
const STORED_HEAD: i64 = 4;
/// What says that all lengths of codes follow, in bits.
const COUNTS_BITS: i64 = 5 + 5 + 4;
/// No fewer lengths of codes' lengths are told.
const CODE_LENGTHS_MIN: usize = 4;

/// The symbols of a block that is not yet written.
#[derive(Debug)]
pub(super) struct Block {
    /// Length minus the shortest in the low bits, distance above; a literal has distance 0.
    symbols: Vec<u32>,
    literals: [u32; SYMBOLS],
    distances: [u32; DISTANCES],
    fixed: (Code, Code),
}

impl Block {
    pub(super) fn new() -> Self {
        let literal = |symbol: usize| match symbol {
            0..=143 => 8,
            144..=255 => 9,
            256..=279 => 7,
            _ => 8,
        };
        let fixed = (
            Code::of_lengths((0..SYMBOLS + 2).map(literal).collect()),
            Code::of_lengths(vec![5; DISTANCES]),
        );
        let symbols = Vec::with_capacity(BLOCK_SYMBOLS);
        let mut block = Block { symbols, literals: [0; SYMBOLS], distances: [0; DISTANCES], fixed };
        block.clear();
        block
    }

    /// Forgets all symbols.
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
        self.literals = [0; SYMBOLS];
        self.distances = [0; DISTANCES];
        self.literals[END_OF_BLOCK] = 1;
    }

    /// Appends a literal, and returns whether the block is full.
    pub(super) fn literal(&mut self, byte: u8) -> bool {
        self.literals[usize::from(byte)] += 1;
        self.symbols.push(u32::from(byte));
        self.symbols.len() == BLOCK_SYMBOLS
    }

    /// Appends a match of `len` bytes that are `distance` bytes behind, and returns whether the block is full.
    pub(super) fn copy(&mut self, len: usize, distance: usize) -> bool {
        let length = len - MATCH_MIN;
        self.literals[length_symbol(length).0] += 1;
        self.distances[distance_symbol(distance - 1).0] += 1;
        self.symbols.push((distance as u32) << 8 | length as u32);
        self.symbols.len() == BLOCK_SYMBOLS
    }

    /// Writes the block, the last one if `is_last`, and begins another. `bytes` are what its symbols say, if they are at hand.
    pub(super) fn write(&mut self, bytes: Option<&[u8]>, is_last: bool, out: &mut Bits) {
        let (fixed_symbols, fixed_distances) = (&self.fixed.0, &self.fixed.1);
        let fixed = Some(&fixed_symbols.lengths[..]);
        let symbols = Code::new(&SYMBOL_ALPHABET, &self.literals, fixed);
        let fixed = Some(&fixed_distances.lengths[..]);
        let distances = Code::new(&DISTANCE_ALPHABET, &self.distances, fixed);
        let head = Head::new(&symbols, &distances);
        let in_bytes = |bits: i64| (bits + 3 + 7) >> 3;
        let dynamic = in_bytes(symbols.cost + distances.cost + head.cost());
        let fixed = in_bytes(symbols.other_cost + distances.other_cost);
        let stored = bytes.filter(|bytes| bytes.len() as i64 + STORED_HEAD <= dynamic.min(fixed));
        let kind = |kind: u32| kind << 1 | u32::from(is_last);
        if let Some(bytes) = stored {
            out.push(kind(STORED), 3);
            write_stored(bytes, out);
        } else if fixed <= dynamic {
            out.push(kind(FIXED), 3);
            self.write_symbols(fixed_symbols, fixed_distances, out);
        } else {
            out.push(kind(DYNAMIC), 3);
            head.write(&symbols, &distances, out);
            self.write_symbols(&symbols, &distances, out);
        }
        self.clear();
        if is_last {
            out.align();
        }
    }

    fn write_symbols(&self, symbols: &Code, distances: &Code, out: &mut Bits) {
        let put = |(bits, count): (u32, u32), out: &mut Bits| out.push(bits, count);
        for &symbol in &self.symbols {
            let (distance, value) = ((symbol >> 8) as usize, (symbol & 0xff) as usize);
            if distance == 0 {
                put(symbols.of(value), out);
                continue;
            }
            let (symbol, extra) = length_symbol(value);
            put(symbols.of(symbol), out);
            put(extra, out);
            let (symbol, extra) = distance_symbol(distance - 1);
            put(distances.of(symbol), out);
            put(extra, out);
        }
        put(symbols.of(END_OF_BLOCK), out);
    }
}

fn write_stored(bytes: &[u8], out: &mut Bits) {
    let len = bytes.len() as u16;
    out.push_bytes(&len.to_le_bytes());
    out.push_bytes(&(!len).to_le_bytes());
    out.push_bytes(bytes);
}

/// The symbol of a match of `length` bytes more than the shortest, and its extra bits.
fn length_symbol(length: usize) -> (usize, (u32, u32)) {
    const FIRST: usize = LITERALS + 1;
    if length == 255 {
        return (FIRST + LENGTH_CODES - 1, (0, 0));
    }
    let (code, extra, count) = logarithmic(length, 2);
    (FIRST + code, (extra, count))
}

/// The symbol of a distance one longer than `distance`, and its extra bits.
fn distance_symbol(distance: usize) -> (usize, (u32, u32)) {
    let (code, extra, count) = logarithmic(distance, 1);
    (code, (extra, count))
}

/// The symbol of `value` where each power of two has 2^`finer` symbols, its extra bits and how many there are.
fn logarithmic(value: usize, finer: u32) -> (usize, u32, u32) {
    let Some(highest) = value.checked_ilog2().filter(|highest| *highest > finer) else {
        return (value, 0, 0);
    };
    let count = highest - finer;
    let code = ((count as usize) << finer) + (value >> count);
    (code, (value & ((1 << count) - 1)) as u32, count)
}

/// What says the codes of a block.
struct Head {
    runs: Vec<Run>,
    code: Code,
    /// How many lengths of codes' lengths are told.
    told: usize,
}

impl Head {
    fn new(symbols: &Code, distances: &Code) -> Self {
        let mut all = runs(&symbols.lengths[..=symbols.last]);
        all.extend(runs(&distances.lengths[..=distances.last]));
        let mut counts = [0; CODE_LENGTHS];
        all.iter().for_each(|run| counts[run.symbol()] += 1);
        let code = Code::new(&CODE_LENGTH_ALPHABET, &counts, None);
        let occurs = |rank: &usize| code.lengths[CODE_LENGTH_ORDER[*rank]] > 0;
        let last = (CODE_LENGTHS_MIN..CODE_LENGTHS).rev().find(occurs);
        let told = last.unwrap_or(CODE_LENGTHS_MIN - 1) + 1;
        Head { runs: all, code, told }
    }

    /// How many bits it takes.
    fn cost(&self) -> i64 {
        self.code.cost + 3 * self.told as i64 + COUNTS_BITS
    }

    fn write(&self, symbols: &Code, distances: &Code, out: &mut Bits) {
        out.push((symbols.last - LITERALS) as u32, 5);
        out.push(distances.last as u32, 5);
        out.push((self.told - CODE_LENGTHS_MIN) as u32, 4);
        let told = CODE_LENGTH_ORDER[..self.told].iter();
        told.for_each(|&length| out.push(u32::from(self.code.lengths[length]), 3));
        for run in &self.runs {
            let (bits, count) = self.code.of(run.symbol());
            out.push(bits, count);
            let (extra, count) = run.extra();
            out.push(extra, count);
        }
    }
}
