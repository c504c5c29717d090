//! Choosing matches: the cheapest way through a stretch for given prices, and the prices that the
//! result suggests.

use std::ops::Range;

use super::block::{Block, Lengths};
use super::finder::{Finder, Match};
use super::symbols::{self, Symbol};

/// Shorter stretches do not earn codes of their own, so they are parsed for the fixed ones alone.
const OWN_CODES_MIN: usize = 64;
/// How often prices are taken from the result before.
const ROUNDS: usize = 2;
/// What a symbol costs, in bits, that the result before did not use.
const UNUSED: u32 = 12;

/// The smallest block found for `range` of the file. The finder stands at its start.
pub(super) fn smallest(file: &[u8], finder: &mut Finder<'_>, range: Range<usize>) -> Block {
    let found = Found::new(finder, &range);
    let bytes = &file[range];
    let mut best = Block::smallest(cheapest(bytes, &found, &Lengths::fixed()), bytes.len());
    if bytes.len() < OWN_CODES_MIN {
        return best;
    }
    let mut prices = Lengths::of(best.symbols());
    for _ in 0..ROUNDS {
        prices.literals.iter_mut().for_each(price_unused);
        prices.distances.iter_mut().for_each(price_unused);
        let block = Block::smallest(cheapest(bytes, &found, &prices), bytes.len());
        prices = Lengths::of(block.symbols());
        if block.bits() < best.bits() {
            best = block;
        }
    }
    best
}

fn price_unused(len: &mut u8) {
    if *len == 0 {
        *len = UNUSED as u8;
    }
}

/// The matches at every position of a stretch.
struct Found {
    matches: Vec<Match>,
    /// Where in `matches` those of each position end.
    ends: Vec<u32>,
}

impl Found {
    fn new(finder: &mut Finder<'_>, range: &Range<usize>) -> Self {
        let mut found = Found { matches: Vec::new(), ends: Vec::with_capacity(range.len()) };
        for _ in range.clone() {
            finder.find(range.end, &mut found.matches);
            found.ends.push(found.matches.len() as u32);
        }
        found
    }

    fn at(&self, position: usize) -> &[Match] {
        let start = position.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.matches[start as usize..self.ends[position] as usize]
    }
}

/// The symbols that make `bytes` with the fewest bits under `prices`.
fn cheapest(bytes: &[u8], found: &Found, prices: &Lengths) -> Vec<Symbol> {
    let prices = Prices::new(prices);
    let mut costs = vec![u32::MAX; bytes.len() + 1];
    let mut steps = vec![Match { len: 1, distance: 0 }; bytes.len() + 1];
    costs[0] = 0;
    for at in 0..bytes.len() {
        let cost = costs[at];
        let literal = cost + prices.literals[usize::from(bytes[at])];
        if literal < costs[at + 1] {
            costs[at + 1] = literal;
            steps[at + 1] = Match { len: 1, distance: 0 };
        }
        let mut shorter = symbols::MATCH_MIN - 1;
        for found in found.at(at) {
            let reached = cost + prices.distance(found.distance);
            for len in shorter + 1..=usize::from(found.len) {
                let cost = reached + prices.lengths[len];
                if cost < costs[at + len] {
                    costs[at + len] = cost;
                    steps[at + len] = Match { len: len as u16, distance: found.distance };
                }
            }
            shorter = usize::from(found.len);
        }
    }
    trace(bytes, &steps)
}

/// The symbols of the way that `steps`, each the last one to its position, lead to the end.
fn trace(bytes: &[u8], steps: &[Match]) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    let mut at = bytes.len();
    while at > 0 {
        let Match { len, distance } = steps[at];
        at -= usize::from(len);
        symbols.push(match distance {
            0 => Symbol::Literal(bytes[at]),
            _ => Symbol::Match { len, distance },
        });
    }
    symbols.reverse();
    symbols
}

/// What each symbol costs in bits, extra bits included.
struct Prices {
    literals: [u32; 256],
    lengths: [u32; symbols::MATCH_MAX + 1],
    distances: Vec<u32>,
}

impl Prices {
    fn new(lengths: &Lengths) -> Self {
        let literals = std::array::from_fn(|byte| lengths.literals[byte].into());
        let of_length = |len: usize| {
            let coded = symbols::length(len as u16);
            u32::from(lengths.literals[coded.symbol]) + coded.extra_bits
        };
        let lengths_of = |len| if len < symbols::MATCH_MIN { 0 } else { of_length(len) };
        let distances = lengths.distances.iter().map(|&len| len.into()).collect();
        Prices { literals, lengths: std::array::from_fn(lengths_of), distances }
    }

    fn distance(&self, distance: u16) -> u32 {
        let coded = symbols::distance(distance);
        self.distances[coded.symbol] + coded.extra_bits
    }
}
