//! Byte-granular encoding: pair, index, match, choose, join.

use std::ops::Range;

use rayon::prelude::*;

use super::cells::{Cell, cells, is_certain};
use super::join::{Copy, join};
use super::matches::{Match, Matcher};
use super::pairing::{BaseEntries, Pairing, Span, pair};
use super::parse::{Piece, parse, parse_greedily};
use super::prices::DevicePrices;
use super::sampling::stretches;
use super::seed_index::SeedIndex;
use super::trial::{TrialStream, price_literals};
use super::tuning::Tuning;
use super::{Base, Command, Options};

/// The encoder's state for one base and all its targets.
pub(super) struct Fine<'a> {
    base: &'a Base<'a>,
    targets: &'a [&'a [u8]],
    pairings: Vec<Pairing>,
    index: SeedIndex,
    device: DevicePrices,
    tuning: Tuning,
}

impl<'a> Fine<'a> {
    pub(super) fn new(
        base: &'a Base<'a>,
        targets: &'a [&'a [u8]],
        options: &Options,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Self {
        let tuning = Tuning::new(options);
        let known = BaseEntries::new(base);
        let pairings: Vec<Pairing> =
            targets.par_iter().map(|target| pair(base, &known, target)).collect();
        let stretches = stretches(base, &known, targets, &pairings, tuning.fine_step);
        let index = SeedIndex::new(base, &stretches, options.memory / 2);
        advance(targets.iter().map(|target| target.len() as u64).sum());
        Fine { base, targets, pairings, index, device: DevicePrices::new(&options.goal), tuning }
    }

    pub(super) fn encode(&self, number: usize, advance: &(dyn Fn(u64) + Sync)) -> Vec<Command> {
        let (target, pairing) = (self.targets[number], &self.pairings[number]);
        let cells = cells(target.len(), &pairing.spans);
        let chosen: Vec<Vec<Copy>> = cells
            .par_iter()
            .map(|cell| {
                let copies = self.encode_cell(target, pairing, cell);
                advance(cell.iter().map(|segment| segment.len() as u64).sum());
                copies
            })
            .collect();
        let certain = pairing.spans.iter().filter(|span| is_certain(span)).map(|span| Copy {
            start: span.start,
            end: span.end(),
            displacement: span.displacement(),
        });
        let mut copies: Vec<Copy> = chosen.into_iter().flatten().chain(certain).collect();
        copies.sort_unstable_by_key(|copy| copy.start);
        let seams: Vec<usize> = cells.iter().flatten().map(|segment| segment.end).collect();
        advance(target.len() as u64 - cells.iter().flatten().map(|s| s.len() as u64).sum::<u64>());
        join(self.base, target, copies, &seams)
    }

    fn encode_cell(&self, target: &[u8], pairing: &Pairing, cell: &Cell) -> Vec<Copy> {
        let matcher = Matcher { base: self.base, index: &self.index, target, tuning: &self.tuning };
        let mut parts: Vec<Part<'_>> =
            cell.iter().map(|segment| self.part(&matcher, pairing, segment.clone())).collect();
        for _ in 0..self.tuning.rounds {
            self.choose_again(&mut parts);
        }
        parts.iter().flat_map(Part::copies).collect()
    }

    /// A segment with its matches and a first, greedy choice among them.
    fn part<'t>(
        &self,
        matcher: &Matcher<'t>,
        pairing: &Pairing,
        segment: Range<usize>,
    ) -> Part<'t> {
        let (spans, guesses) = (pairing.spans_in(&segment), pairing.guesses_in(&segment));
        let matches = matcher.find(segment.clone(), spans, guesses);
        let pieces = parse_greedily(&matches, self.tuning.shortest_greedy);
        let before = pairing.span_before(&segment).copied();
        Part { origin: segment.start, bytes: &matcher.target[segment], matches, pieces, before }
    }

    /// Makes the choice again, with prices learnt from the stream that the last one makes.
    fn choose_again(&self, parts: &mut [Part<'_>]) {
        let mut stream = TrialStream::default();
        let mut places = Vec::with_capacity(parts.len());
        for part in parts.iter() {
            if let Some(span) = part.before {
                stream.push_copy(span.offset, span.len as u64);
            }
            places.push(stream.push_segment(part.origin, part.bytes, &part.pieces));
        }
        let (prices, commands) = stream.learn(&self.device);
        let mut history = stream.history();
        let mut displacement = 0;
        for (part, places) in parts.iter_mut().zip(&places) {
            displacement = part.before.map_or(displacement, |span| span.displacement());
            let literals = price_literals(&mut history, &prices.value, places, part.bytes);
            part.pieces = parse(part.origin, displacement, &part.matches, &commands, &literals);
            displacement = part.pieces.last().map_or(displacement, |piece| piece.displacement);
        }
    }
}

/// A segment with the choice made for it so far.
struct Part<'a> {
    origin: usize,
    bytes: &'a [u8],
    matches: Vec<Match>,
    pieces: Vec<Piece>,
    /// The certain span right before it.
    before: Option<Span>,
}

impl Part<'_> {
    fn copies(&self) -> impl Iterator<Item = Copy> + '_ {
        self.pieces.iter().map(|piece| Copy {
            start: self.origin + piece.start as usize,
            end: self.origin + piece.end as usize,
            displacement: piece.displacement,
        })
    }
}
