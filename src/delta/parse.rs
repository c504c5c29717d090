//! The choice of commands for one segment: the cheapest way through it.
//!
//! Dynamic programming over every byte: the cheapest way to have made the bytes before it, ending
//! in a literal or ending with a COPY. A COPY may use any part of any match.

use super::matches::Match;
use super::prices::{CommandPrices, LiteralPrices};

/// A COPY within a segment; what no piece covers is literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where it starts, counted from the start of the segment.
    pub(super) start: u32,
    /// Where it ends, counted likewise.
    pub(super) end: u32,
    /// Base position minus target position.
    pub(super) displacement: i64,
}

/// A first choice to learn prices from: one match after another, wherever so much is left of it.
pub(super) fn parse_greedily(matches: &[Match], shortest: u32) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = 0;
    for found in matches {
        let start = found.start.max(at);
        if found.end >= start + shortest {
            pieces.push(Piece { start, end: found.end, displacement: found.displacement });
            at = found.end;
        }
    }
    pieces
}

/// Matches weighed against each other at one byte.
const OPEN: usize = 8;
/// The price of what can't be: above any real one, and far enough below the largest number.
const UNREACHED: u32 = u32::MAX / 2;

/// A match that covers the current byte, and the cheapest way to be inside a COPY of it.
#[derive(Clone, Copy)]
struct OpenMatch {
    price: u32,
    from: u32,
    end: u32,
    number: u32,
}

/// How the cheapest way to have a COPY end at a position came there.
#[derive(Clone, Copy, Default)]
struct Arrival {
    from: u32,
    number: u32,
}

/// The cheapest pieces for the segment of `origin` in the target whose bytes `literals` prices. The
/// last COPY before it was of `displacement`. `ways` is memory to work in.
pub(super) fn parse(
    origin: usize,
    displacement: i64,
    matches: &[Match],
    commands: &CommandPrices,
    literals: &LiteralPrices,
    ways: &mut Ways,
) -> Vec<Piece> {
    let len = literals.byte.len();
    ways.begin(len, displacement);
    let mut open: Vec<OpenMatch> = Vec::with_capacity(OPEN);
    let mut starting = matches.iter().enumerate().peekable();
    for at in 0..len {
        while let Some((number, found)) = starting.next_if(|(_, found)| found.start as usize == at)
        {
            let number = number as u32;
            admit(&mut open, OpenMatch { price: UNREACHED, from: 0, end: found.end, number });
        }
        open.retain(|candidate| candidate.end as usize > at);
        let here = ways.in_literal[at].min(ways.after_copy[at]);
        let place = (origin + at) as i64;
        for candidate in &mut open {
            let offset = place + matches[candidate.number as usize].displacement;
            candidate.begin(at, here + commands.copy(place + ways.displacement[at], offset));
            ways.end_copy(at + 1, candidate, commands.long);
        }
        ways.go_on_literally(at, commands.literal + literals.enter[at], literals.byte[at]);
        ways.remember_displacement(at + 1, matches);
    }
    ways.trace_back(matches)
}

impl OpenMatch {
    /// Begins the COPY at `at` for `price`, if that is cheaper than having begun it before.
    fn begin(&mut self, at: usize, price: u32) {
        if price < self.price {
            self.price = price;
            self.from = at as u32;
        }
    }
}

/// The cheapest ways to have made the bytes before each position.
#[derive(Default)]
pub(super) struct Ways {
    /// The price when the last byte was literal.
    in_literal: Vec<u32>,
    /// The price when a COPY ends here.
    after_copy: Vec<u32>,
    /// How that COPY came here.
    arrivals: Vec<Arrival>,
    /// Whether the literal that has the last byte begins with it.
    literal_began: Vec<bool>,
    /// The displacement of the last COPY on the cheaper of the two.
    displacement: Vec<i64>,
}

impl Ways {
    /// Forgets everything, for a segment of `len` bytes after a COPY of `displacement`.
    fn begin(&mut self, len: usize, displacement: i64) {
        refill(&mut self.in_literal, len + 1, UNREACHED);
        refill(&mut self.after_copy, len + 1, UNREACHED);
        refill(&mut self.arrivals, len + 1, Arrival::default());
        refill(&mut self.literal_began, len + 1, false);
        refill(&mut self.displacement, len + 1, displacement);
        self.after_copy[0] = 0;
    }

    fn end_copy(&mut self, at: usize, candidate: &OpenMatch, long: u32) {
        let price = candidate.price + if at as u32 - candidate.from > 0xff { long } else { 0 };
        if price < self.after_copy[at] {
            self.after_copy[at] = price;
            self.arrivals[at] = Arrival { from: candidate.from, number: candidate.number };
        }
    }

    fn go_on_literally(&mut self, at: usize, command: u32, byte: u32) {
        let go_on = self.in_literal[at];
        let begin = self.after_copy[at] + command;
        self.literal_began[at + 1] = begin < go_on;
        self.in_literal[at + 1] = go_on.min(begin) + byte;
    }

    fn remember_displacement(&mut self, at: usize, matches: &[Match]) {
        self.displacement[at] = if self.after_copy[at] <= self.in_literal[at] {
            matches[self.arrivals[at].number as usize].displacement
        } else {
            self.displacement[at - 1]
        };
    }

    fn trace_back(&self, matches: &[Match]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut at = self.in_literal.len() - 1;
        let mut literal = self.in_literal[at] < self.after_copy[at];
        while at > 0 {
            if literal {
                literal = !self.literal_began[at];
                at -= 1;
                continue;
            }
            let arrival = self.arrivals[at];
            let displacement = matches[arrival.number as usize].displacement;
            pieces.push(Piece { start: arrival.from, end: at as u32, displacement });
            at = arrival.from as usize;
            literal = self.in_literal[at] < self.after_copy[at];
        }
        pieces.reverse();
        pieces
    }
}

/// Makes `list` `len` times `value`, in the memory it has.
pub(super) fn refill<T: Clone>(list: &mut Vec<T>, len: usize, value: T) {
    list.clear();
    list.resize(len, value);
}

/// Adds a match to the open ones; when there are too many, the one that ends first goes.
fn admit(open: &mut Vec<OpenMatch>, candidate: OpenMatch) {
    if open.len() < OPEN {
        open.push(candidate);
        return;
    }
    let (shortest, least) =
        open.iter().enumerate().min_by_key(|(_, open)| open.end).expect("the list is full");
    if least.end < candidate.end {
        open[shortest] = candidate;
    }
}
