//! Byte-granular encoding: pair, index, match, choose, join.

use rayon::prelude::*;

use super::cells::{Cell, cells, is_certain};
use super::matches::Matcher;
use super::pairing::{BaseEntries, Guess, Pairing, Span, pair, unclaimed};
use super::parse::{Piece, parse};
use super::prices::{CommandPrices, Pricer};
use super::seed_index::{Sampling, SeedIndex};
use super::{Base, Command, Options};

/// The encoder's state for one base and all its targets.
pub(super) struct Fine<'a> {
    base: &'a Base<'a>,
    targets: &'a [&'a [u8]],
    pairings: Vec<Pairing>,
    index: SeedIndex,
    prices: CommandPrices,
}

impl<'a> Fine<'a> {
    pub(super) fn new(
        base: &'a Base<'a>,
        targets: &'a [&'a [u8]],
        options: &Options,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Self {
        let known = BaseEntries::new(base);
        let pairings: Vec<Pairing> = targets
            .par_iter()
            .map(|target| {
                let pairing = pair(base, &known, target);
                advance(target.len() as u64);
                pairing
            })
            .collect();
        let ranges = unclaimed(base, &known, &pairings);
        let sampling = Sampling { seed: 16, step: 4 };
        let index = SeedIndex::new(base, &ranges, sampling, options.memory / 2);
        Fine { base, targets, pairings, index, prices: CommandPrices::new(&options.goal) }
    }

    pub(super) fn encode(&self, number: usize, advance: &(dyn Fn(u64) + Sync)) -> Vec<Command> {
        let target = self.targets[number];
        let pairing = &self.pairings[number];
        let cells = cells(target.len(), &pairing.spans);
        let copies: Vec<Vec<Copy>> = cells
            .par_iter()
            .map(|cell| {
                let copies = self.encode_cell(target, pairing, cell);
                advance(cell.iter().map(|segment| segment.len() as u64).sum());
                copies
            })
            .collect();
        let certain = pairing.spans.iter().filter(|span| is_certain(span));
        let certain = certain.map(|span| Copy {
            start: span.start,
            end: span.end(),
            displacement: span.offset as i64 - span.start as i64,
        });
        let mut all: Vec<Copy> = copies.into_iter().flatten().chain(certain).collect();
        all.sort_unstable_by_key(|copy| copy.start);
        commands(target.len(), all)
    }

    fn encode_cell(&self, target: &[u8], pairing: &Pairing, cell: &Cell) -> Vec<Copy> {
        let mut pricer = Pricer::new();
        let matcher = Matcher { base: self.base, index: &self.index, target };
        let mut copies = Vec::new();
        for segment in cell {
            let first = pairing.spans.partition_point(|span| span.end() <= segment.start);
            let last = pairing.spans.partition_point(|span| span.start < segment.end);
            let spans: &[Span] = &pairing.spans[first..last];
            let first = pairing.guesses.partition_point(|guess| guess.range.end <= segment.start);
            let last = pairing.guesses.partition_point(|guess| guess.range.start < segment.end);
            let guesses: &[Guess] = &pairing.guesses[first..last.max(first)];
            let matches = matcher.find(segment.clone(), spans, guesses);
            let literals = pricer.price(&target[segment.clone()], &matches);
            let pieces = parse(segment.start, segment.len(), &matches, &self.prices, &literals);
            copies.extend(pieces.iter().map(|piece| Copy::new(segment.start, piece)));
        }
        copies
    }
}

/// A COPY at a place in the target.
#[derive(Debug, Clone, Copy)]
struct Copy {
    start: usize,
    end: usize,
    displacement: i64,
}

impl Copy {
    fn new(origin: usize, piece: &Piece) -> Self {
        Copy {
            start: origin + piece.start as usize,
            end: origin + piece.end as usize,
            displacement: piece.displacement,
        }
    }
}

/// The commands for a target of `len` bytes: `copies`, and literals between them.
fn commands(len: usize, copies: Vec<Copy>) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::with_capacity(copies.len() * 2 + 1);
    let mut at = 0;
    for copy in copies {
        if copy.start > at {
            commands.push(Command::Literal { len: (copy.start - at) as u64 });
        }
        let more = (copy.end - copy.start) as u64;
        let from = (copy.start as i64 + copy.displacement) as u64;
        match commands.last_mut() {
            Some(Command::Copy { offset, len }) if *offset + *len == from => *len += more,
            _ => commands.push(Command::Copy { offset: from, len: more }),
        }
        at = copy.end;
    }
    if at < len {
        commands.push(Command::Literal { len: (len - at) as u64 });
    }
    commands
}
