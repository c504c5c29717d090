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

/// Matches weighed against each other at one byte.
const OPEN: usize = 8;
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

/// The cheapest pieces for the segment of `origin` in the target, of `len` bytes.
pub(super) fn parse(
    origin: usize,
    len: usize,
    matches: &[Match],
    commands: &CommandPrices,
    literals: &LiteralPrices,
) -> Vec<Piece> {
    let mut in_literal = vec![UNREACHED; len + 1];
    let mut after_copy = vec![UNREACHED; len + 1];
    let mut arrivals = vec![Arrival::default(); len + 1];
    let mut literal_began = vec![false; len + 1];
    after_copy[0] = 0;
    let mut open: Vec<OpenMatch> = Vec::with_capacity(OPEN);
    let mut next = 0;
    for at in 0..len {
        let here = in_literal[at].min(after_copy[at]);
        while let Some(found) = matches.get(next).filter(|found| found.start as usize == at) {
            admit(
                &mut open,
                OpenMatch { price: UNREACHED, from: 0, end: found.end, number: next as u32 },
            );
            debug_assert!(found.end as usize <= len);
            next += 1;
        }
        open.retain(|candidate| candidate.end as usize > at);
        for candidate in &mut open {
            let displacement = matches[candidate.number as usize].displacement;
            let price = here + copy_price(commands, (origin + at) as i64 + displacement);
            if price < candidate.price {
                candidate.price = price;
                candidate.from = at as u32;
            }
            let long = if at as u32 + 1 - candidate.from > 255 { commands.long } else { 0 };
            if candidate.price + long < after_copy[at + 1] {
                after_copy[at + 1] = candidate.price + long;
                arrivals[at + 1] = Arrival { from: candidate.from, number: candidate.number };
            }
        }
        let go_on = in_literal[at];
        let begin = after_copy[at] + commands.literal + literals.enter[at];
        literal_began[at + 1] = begin < go_on;
        in_literal[at + 1] = go_on.min(begin) + literals.byte[at];
    }
    trace_back(matches, &in_literal, &after_copy, &arrivals, &literal_began)
}

fn copy_price(commands: &CommandPrices, offset: i64) -> u32 {
    commands.copy - if offset % 512 == 0 { commands.aligned } else { 0 }
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

fn trace_back(
    matches: &[Match],
    in_literal: &[u32],
    after_copy: &[u32],
    arrivals: &[Arrival],
    literal_began: &[bool],
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = in_literal.len() - 1;
    let mut literal = in_literal[at] < after_copy[at];
    while at > 0 {
        if literal {
            literal = !literal_began[at];
            at -= 1;
            continue;
        }
        let arrival = arrivals[at];
        let displacement = matches[arrival.number as usize].displacement;
        pieces.push(Piece { start: arrival.from, end: at as u32, displacement });
        at = arrival.from as usize;
        literal = in_literal[at] < after_copy[at];
    }
    pieces.reverse();
    pieces
}
