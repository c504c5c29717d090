//! Byte-granular encoding: pair, index, match, choose, join.

use std::collections::TryReserveError;
use std::ops::Range;

use rayon::prelude::*;

use super::base_entries::BaseEntries;
use super::cells::{Cell, alike, cells, is_certain};
use super::join::{PlacedCopy, join};
use super::matches::{Cover, Match, Matcher};
use super::pairing::{Pairing, Span, pair};
use super::parse::{Piece, Ways, parse, parse_greedily};
use super::prices::LiteralPrices;
use super::sampling::stretches;
use super::seed_index::SeedIndex;
use super::trial::{Lesson, Teacher, TrialStream, price_literals};
use super::tuning::Tuning;
use super::{Base, Command, Pricing, Search};

/// One in how many bytes of memory the entries of the base, the pairings and the index may take; the
/// index gets what the others leave of its share. The rest is room to work in.
const ENTRIES_SHARE: u64 = 4;
const PAIRINGS_SHARE: u64 = 8;
const INDEX_SHARE: u64 = 2;

/// The encoder's state for one base and all its targets.
pub(super) struct Fine<'a> {
    base: &'a Base<'a>,
    targets: &'a [&'a [u8]],
    pairings: Vec<Pairing>,
    index: SeedIndex,
    teacher: Teacher<'a>,
    tuning: Tuning,
}

impl<'a> Fine<'a> {
    pub(super) fn new(
        base: &'a Base<'a>,
        targets: &'a [&'a [u8]],
        pricing: &'a dyn Pricing,
        search: &Search,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Result<Self, TryReserveError> {
        let figures = pricing.figures();
        let tuning = Tuning::new(search, &figures);
        let known = BaseEntries::new(base, search.memory / ENTRIES_SHARE);
        let each = search.memory / PAIRINGS_SHARE / targets.len().max(1) as u64;
        let pairings: Vec<Pairing> =
            targets.par_iter().map(|target| pair(base, &known, target, each)).collect();
        let taken = known.bytes() + pairings.iter().map(Pairing::bytes).sum::<u64>();
        let stretches = stretches(base, &known, targets, &pairings, tuning.fine_step);
        let index =
            SeedIndex::new(base, &stretches, (search.memory / INDEX_SHARE).saturating_sub(taken))?;
        advance(targets.iter().map(|target| target.len() as u64).sum());
        let teacher = Teacher::new(pricing, figures);
        Ok(Fine { base, targets, pairings, index, teacher, tuning })
    }

    pub(super) fn encode(&self, number: usize, advance: &(dyn Fn(u64) + Sync)) -> Vec<Command> {
        let (target, pairing) = (self.targets[number], &self.pairings[number]);
        let cells = cells(target.len(), &pairing.spans);
        let chosen: Vec<Vec<PlacedCopy>> = alike(&cells, self.tuning.cells_per_lesson)
            .par_iter()
            .map_init(Memory::default, |memory, cells| {
                let mut lesson = None;
                let mut copies = Vec::new();
                for cell in *cells {
                    copies.extend(self.encode_cell(target, pairing, cell, &mut lesson, memory));
                    advance(cell.iter().map(|segment| segment.len() as u64).sum());
                }
                copies
            })
            .collect();
        let certain = pairing.spans.iter().filter(|span| is_certain(span)).map(|span| PlacedCopy {
            start: span.start,
            end: span.end(),
            displacement: span.displacement(),
        });
        let mut copies: Vec<PlacedCopy> = chosen.into_iter().flatten().chain(certain).collect();
        copies.sort_unstable_by_key(|copy| copy.start);
        let seams: Vec<usize> = cells.iter().flatten().map(|segment| segment.end).collect();
        advance(target.len() as u64 - cells.iter().flatten().map(|s| s.len() as u64).sum::<u64>());
        join(self.base, target, copies, &seams)
    }

    /// Returns the copies of a cell. The first choice after the greedy one has the prices of `lesson`, which is that of a
    /// cell before; if there is none yet, this cell's stream gives it.
    fn encode_cell(
        &self,
        target: &[u8],
        pairing: &Pairing,
        cell: &Cell,
        lesson: &mut Option<Lesson>,
        memory: &mut Memory,
    ) -> Vec<PlacedCopy> {
        let matcher = Matcher { base: self.base, index: &self.index, target, tuning: &self.tuning };
        let mut part = |segment: &Range<usize>| {
            self.part(&matcher, pairing, segment.clone(), &mut memory.cover)
        };
        let mut parts: Vec<Part<'_>> = cell.iter().map(&mut part).collect();
        for round in 0..self.tuning.rounds {
            if round > 0 {
                *lesson = None;
            }
            if !self.choose_again(&mut parts, lesson, memory) {
                break;
            }
        }
        parts.iter().flat_map(Part::copies).collect()
    }

    /// A segment with its matches and a first, greedy choice among them.
    fn part<'t>(
        &self,
        matcher: &Matcher<'t>,
        pairing: &Pairing,
        segment: Range<usize>,
        cover: &mut Cover,
    ) -> Part<'t> {
        let (spans, guesses) = (pairing.spans_in(&segment), pairing.guesses_in(&segment));
        let matches = matcher.find(segment.clone(), spans, guesses, cover);
        let pieces = parse_greedily(&matches, self.tuning.shortest_greedy);
        let before = pairing.span_before(&segment).copied();
        Part { origin: segment.start, bytes: &matcher.target[segment], matches, pieces, before }
    }

    /// Makes the choice again, with the prices of `lesson`: if there is none, learnt from the stream that the last choice
    /// makes. Returns whether the choice is another one; the same would be made again and again.
    fn choose_again(
        &self,
        parts: &mut [Part<'_>],
        lesson: &mut Option<Lesson>,
        memory: &mut Memory,
    ) -> bool {
        let Memory { stream, literals, ways, .. } = memory;
        stream.clear();
        let mut places = Vec::with_capacity(parts.len());
        for part in parts.iter() {
            if let Some(span) = part.before {
                stream.push_copy(&self.teacher, span.offset, span.len as u64);
            }
            places.push(stream.push_segment(&self.teacher, part.origin, part.bytes, &part.pieces));
        }
        let Lesson { value, commands } =
            &*lesson.get_or_insert_with(|| stream.learn(&self.teacher));
        let mut history = stream.history(self.teacher.repeats());
        let (mut displacement, mut changed) = (0, false);
        for (part, places) in parts.iter_mut().zip(&places) {
            displacement = part.before.map_or(displacement, |span| span.displacement());
            let matches = &part.matches;
            price_literals(&mut history, value, places, part.bytes, matches, literals);
            let pieces = parse(part.origin, displacement, matches, commands, literals, ways);
            changed |= pieces != part.pieces;
            part.pieces = pieces;
            displacement = part.pieces.last().map_or(displacement, |piece| piece.displacement);
        }
        changed
    }
}

/// Memory that a cell's work needs for a while, left to the next cell's: taking it from the system each
/// time would take a third of the encoder's time.
#[derive(Default)]
struct Memory {
    cover: Cover,
    stream: TrialStream,
    literals: LiteralPrices,
    ways: Ways,
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
    fn copies(&self) -> impl Iterator<Item = PlacedCopy> + '_ {
        self.pieces.iter().map(|piece| PlacedCopy {
            start: self.origin + piece.start as usize,
            end: self.origin + piece.end as usize,
            displacement: piece.displacement,
        })
    }
}
