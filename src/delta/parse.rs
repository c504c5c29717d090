//! The choice of commands for one segment: the cheapest way through it.
//!
//! Dynamic programming over the bytes: the cheapest way to have made those before each, ending in a
//! literal or ending with a COPY. A COPY may use any part of any match, but commands change only where
//! some match begins or ends, or between such places that are close; other bytes are passed in one leap.
//! COPYs that may begin and end anywhere follow small errors of the prices: deltas get larger by them.

use super::matching::Match;
use super::prices::{CommandPrices, LiteralPrices};
use super::ways::{BEGAN, LITERAL, OPEN, Step, UNREACHED, Ways, trace_back};

/// A first choice to learn prices from: one match after another, wherever so much is left of it.
pub(super) fn parse_greedily(matches: &[Match], shortest: u32) -> Vec<Match> {
    let mut pieces: Vec<Match> = Vec::new();
    let mut at = 0;
    for found in matches {
        let start = found.start.max(at);
        if found.end >= start + shortest {
            pieces.push(Match { start, ..*found });
            at = found.end;
        }
    }
    pieces
}

/// Leaps over fewer bytes do not pay.
const SHORTEST_LEAP: usize = 8;
/// A match that covers the current byte, and the cheapest way to be inside a COPY of it.
#[derive(Clone, Copy)]
struct OpenMatch {
    price: u32,
    from: u32,
    end: u32,
    number: u32,
}

/// The cheapest way to have made the bytes before a position that ends with a COPY.
#[derive(Clone, Copy)]
struct Arrival {
    price: u32,
    from: u32,
    number: u32,
}

const NOWHERE: Arrival = Arrival { price: UNREACHED, from: 0, number: 0 };

/// The cheapest way to have made the bytes before a position that ends in a literal.
#[derive(Clone, Copy)]
struct InLiteral {
    price: u32,
    /// The displacement of the COPY before the literal.
    displacement: i64,
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
) -> Vec<Match> {
    let len = literals.byte.len();
    // Whatever steps are left from before, the walk writes all that is read of them.
    ways.0.resize(len + 1, Step::default());
    let mut walk = Walk {
        origin,
        matches,
        commands,
        literals,
        cheapest_copy: commands.cheapest_copy(),
        steps: &mut ways.0,
        at: 0,
        turns: true,
        next_match: 0,
        open: Vec::with_capacity(OPEN),
        soonest_end: u32::MAX,
        literal: InLiteral { price: UNREACHED, displacement },
        arrival: Arrival { price: 0, ..NOWHERE },
        arrived: displacement,
        began: 0,
    };
    while walk.at < len {
        walk.open_and_close();
        match walk.leap_end() {
            Some(end) => walk.leap(end),
            None => walk.step(),
        }
    }
    walk.remember();
    trace_back(walk.steps, matches)
}

/// A walk over the bytes of a segment, in front of the byte `at`.
struct Walk<'a> {
    origin: usize,
    matches: &'a [Match],
    commands: &'a CommandPrices,
    literals: &'a LiteralPrices,
    cheapest_copy: u32,
    steps: &'a mut [Step],
    at: usize,
    /// Whether a match begins or ends here, or the segment begins: the next byte is weighed.
    turns: bool,
    /// The first of the matches that begin at `at` or later.
    next_match: usize,
    open: Vec<OpenMatch>,
    /// Where the first of the open matches ends.
    soonest_end: u32,
    literal: InLiteral,
    arrival: Arrival,
    /// The displacement of the COPY that arrived last.
    arrived: i64,
    /// [`BEGAN`] if the literal begins with the byte before `at`, or else 0.
    began: u32,
}

impl Walk<'_> {
    /// Takes in matches that begin here and lets those go that end here.
    fn open_and_close(&mut self) {
        self.turns = self.at == 0;
        while let Some(found) = self.matches.get(self.next_match)
            && found.start as usize == self.at
        {
            let number = self.next_match as u32;
            admit(&mut self.open, OpenMatch { price: UNREACHED, from: 0, end: found.end, number });
            self.soonest_end = self.soonest_end.min(found.end);
            self.next_match += 1;
            self.turns = true;
        }
        if self.soonest_end as usize <= self.at {
            self.open.retain(|candidate| candidate.end as usize > self.at);
            self.soonest_end =
                self.open.iter().map(|candidate| candidate.end).min().unwrap_or(u32::MAX);
            self.turns = true;
        }
    }

    /// Up to where no match begins or ends, if that is far.
    fn leap_end(&self) -> Option<usize> {
        if self.turns {
            return None;
        }
        let begin = self.matches.get(self.next_match).map_or(u32::MAX, |found| found.start);
        let end = (begin.min(self.soonest_end) as usize).min(self.literals.byte.len());
        (end >= self.at + SHORTEST_LEAP).then_some(end)
    }

    /// Goes on to `end` in what is under way, or in a literal that begins here.
    fn leap(&mut self, end: usize) {
        self.remember();
        self.begin_literal();
        self.literal.price += self.literals.byte[self.at..end].iter().sum::<u32>();
        self.steps[self.at + 1..end].fill(Step::default());
        self.steps[self.at + 1].number = self.began;
        self.began = 0;
        self.arrival = NOWHERE;
        for candidate in &self.open {
            self.arrival = self.arrival.or(candidate, end, self.commands);
        }
        self.arrive(end);
    }

    /// Weighs what to do with the next byte.
    fn step(&mut self) {
        self.remember();
        let (here, last) = if self.literal.price < self.arrival.price {
            (self.literal.price, self.literal.displacement)
        } else {
            (self.arrival.price, self.arrived)
        };
        let place = (self.origin + self.at) as i64;
        let mut next = NOWHERE;
        for candidate in &mut self.open {
            if here + self.cheapest_copy < candidate.price {
                let offset = place + self.matches[candidate.number as usize].displacement;
                candidate.begin(self.at, here + self.commands.copy(place + last, offset));
            }
            next = next.or(candidate, self.at + 1, self.commands);
        }
        self.begin_literal();
        self.literal.price += self.literals.byte[self.at];
        self.arrival = next;
        self.arrive(self.at + 1);
    }

    /// Begins a literal here, if that is cheaper than having begun it before.
    fn begin_literal(&mut self) {
        let price = self.arrival.price + self.commands.literal + self.literals.enter[self.at];
        self.began = 0;
        if price < self.literal.price {
            self.began = BEGAN;
            self.literal = InLiteral { price, displacement: self.arrived };
        }
    }

    /// Is at `at` now.
    fn arrive(&mut self, at: usize) {
        self.at = at;
        if self.arrival.price < UNREACHED {
            self.arrived = self.matches[self.arrival.number as usize].displacement;
        }
    }

    /// Remembers how this position is reached.
    fn remember(&mut self) {
        let literal = if self.literal.price < self.arrival.price { LITERAL } else { 0 };
        self.steps[self.at] =
            Step { from: self.arrival.from, number: self.arrival.number | literal | self.began };
    }
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

impl Arrival {
    /// The cheaper of this and ending the COPY of `candidate` at `end`.
    fn or(self, candidate: &OpenMatch, end: usize, commands: &CommandPrices) -> Self {
        let OpenMatch { from, number, .. } = *candidate;
        let price = candidate.price + commands.length(end as u32 - from);
        if price < self.price { Arrival { price, from, number } } else { self }
    }
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
