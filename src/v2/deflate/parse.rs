//! Choosing matches: the cheapest way through a stretch for given prices, and the prices that the
//! result suggests.

use std::ops::Range;
use std::sync::LazyLock;

use super::block::{Block, Lengths};
use super::finder::{Finder, Match};
use super::symbols::{self, Symbol};

/// Shorter stretches do not earn codes of their own.
const OWN_CODES_MIN: usize = 100;
/// How often prices are taken from the result before.
const ROUNDS: usize = 2;
/// What a symbol costs, in bits, that the result before did not use.
const UNUSED: u8 = 12;

static FIXED_PRICES: LazyLock<Prices> = LazyLock::new(|| Prices::new(&Lengths::fixed()));

/// Parses blocks. Keeps its work space from one to the next.
#[derive(Default)]
pub(super) struct Parser {
    found: Found,
    /// The cheapest way to each position, in bits.
    costs: Vec<u32>,
    /// The last step of that way; of a literal the distance is 0.
    steps: Vec<Match>,
}

/// The matches at every position of a block.
#[derive(Default)]
struct Found {
    matches: Vec<Match>,
    /// Where in `matches` those of each position end.
    ends: Vec<u32>,
}

impl Parser {
    /// The smallest block found for `range` of the file. The finder stands at its start.
    pub(super) fn smallest(
        &mut self,
        file: &[u8],
        finder: &mut Finder<'_>,
        range: Range<usize>,
    ) -> Block {
        self.found.find(finder, &range);
        let bytes = &file[range];
        let symbols = self.cheapest(bytes, &FIXED_PRICES);
        if bytes.len() < OWN_CODES_MIN {
            return Block::without_own_codes(symbols, bytes.len());
        }
        let mut lengths = Lengths::of(&symbols);
        let mut best = Block::smallest(symbols, bytes.len());
        for _ in 0..ROUNDS {
            lengths.price_unused(UNUSED);
            let symbols = self.cheapest(bytes, &Prices::new(&lengths));
            lengths = Lengths::of(&symbols);
            let block = Block::smallest(symbols, bytes.len());
            if block.bits() < best.bits() {
                best = block;
            }
        }
        best
    }

    /// The symbols that make `bytes` with the fewest bits under `prices`.
    fn cheapest(&mut self, bytes: &[u8], prices: &Prices) -> Vec<Symbol> {
        const LITERAL: Match = Match { len: 1, distance: 0 };
        self.costs.clear();
        self.costs.resize(bytes.len() + 1, u32::MAX);
        self.steps.clear();
        self.steps.resize(bytes.len() + 1, LITERAL);
        self.costs[0] = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            let cost = self.costs[at];
            let mut reach = |to: usize, cost: u32, step: Match| {
                if cost < self.costs[to] {
                    self.costs[to] = cost;
                    self.steps[to] = step;
                }
            };
            reach(at + 1, cost + prices.literals[usize::from(byte)], LITERAL);
            let mut shorter = symbols::MATCH_MIN - 1;
            for &Match { len, distance } in self.found.at(at) {
                let cost = cost + prices.distance(distance);
                for len in shorter + 1..=usize::from(len) {
                    let step = Match { len: len as u16, distance };
                    reach(at + len, cost + prices.lengths[len], step);
                }
                shorter = usize::from(len);
            }
        }
        self.trace(bytes)
    }

    /// The symbols of the way that the steps lead to the end.
    fn trace(&self, bytes: &[u8]) -> Vec<Symbol> {
        let mut symbols = Vec::new();
        let mut at = bytes.len();
        while at > 0 {
            let Match { len, distance } = self.steps[at];
            at -= usize::from(len);
            symbols.push(match distance {
                0 => Symbol::Literal(bytes[at]),
                _ => Symbol::Match { len, distance },
            });
        }
        symbols.reverse();
        symbols
    }
}

impl Found {
    fn find(&mut self, finder: &mut Finder<'_>, range: &Range<usize>) {
        self.matches.clear();
        self.ends.clear();
        for _ in range.clone() {
            finder.find(range.end, &mut self.matches);
            self.ends.push(self.matches.len() as u32);
        }
    }

    fn at(&self, position: usize) -> &[Match] {
        let start = position.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.matches[start as usize..self.ends[position] as usize]
    }
}

/// What each symbol costs in bits, extra bits included.
struct Prices {
    literals: [u32; 256],
    lengths: [u32; symbols::MATCH_MAX + 1],
    distances: [u32; symbols::DISTANCES],
}

impl Prices {
    fn new(lengths: &Lengths) -> Self {
        let of_length = |len: usize| match len {
            ..symbols::MATCH_MIN => 0,
            len => {
                let coded = symbols::length(len as u16);
                u32::from(lengths.literals[coded.symbol]) + coded.extra_bits
            }
        };
        Prices {
            literals: std::array::from_fn(|byte| lengths.literals[byte].into()),
            lengths: std::array::from_fn(of_length),
            distances: std::array::from_fn(|symbol| lengths.distances[symbol].into()),
        }
    }

    fn distance(&self, distance: u16) -> u32 {
        let coded = symbols::distance(distance);
        self.distances[coded.symbol] + coded.extra_bits
    }
}
