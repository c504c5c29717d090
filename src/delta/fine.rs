//! Byte-granular encoding: pair, index, match, choose, join.

use std::collections::TryReserveError;
use std::ops::Range;

use rayon::prelude::*;

use super::cells::{Cell, alike, cells, certain_covers};
use super::command::commands;
use super::join::join;
use super::matching::{Hints, Match, Pairing, Runs, Searcher, Span, Survey};
use super::parse::{parse, parse_greedily};
use super::prices::LiteralPrices;
use super::trial::{Lesson, Teacher, TrialStream, price_literals};
use super::tuning::Tuning;
use super::ways::Ways;
use super::{Advance, Base, Command, Cover, Pricing, Search};

/// One in how many bytes of memory the survey may take: the index gets what the rest of it leaves. The remaining memory
/// is room to work in.
const SURVEY_SHARE: u64 = 2;

/// The encoder's state for one base and all its targets.
pub(super) struct Fine<'a> {
    base: &'a Base<'a>,
    targets: &'a [&'a [u8]],
    survey: Survey,
    teacher: Teacher<'a>,
    tuning: Tuning,
}

impl<'a> Fine<'a> {
    pub(super) fn new(
        base: &'a Base<'a>,
        targets: &'a [&'a [u8]],
        pricing: &'a dyn Pricing,
        search: &Search,
        advance: &Advance<'_>,
    ) -> Result<Self, TryReserveError> {
        let figures = pricing.figures();
        let tuning = Tuning::new(search, &figures);
        let share = search.memory / SURVEY_SHARE;
        let index_memory = |taken| share.saturating_sub(taken);
        let step = tuning.fine_step;
        let survey = Survey::new(base, targets, search.memory, step, index_memory, advance)?;
        let teacher = Teacher::new(pricing, figures);
        Ok(Fine { base, targets, survey, teacher, tuning })
    }

    pub(super) fn encode(&self, number: usize, advance: &Advance<'_>) -> Vec<Command> {
        let (target, pairing) = (self.targets[number], &self.survey.pairings[number]);
        let cells = cells(target.len(), &pairing.spans);
        let chosen: Vec<Vec<Cover>> = alike(&cells, self.tuning.cells_per_lesson)
            .par_iter()
            .map_init(Memory::default, |memory, cells| {
                let mut lesson = None;
                let mut covers = Vec::new();
                for cell in *cells {
                    if !advance(0) {
                        break;
                    }
                    covers.extend(self.encode_cell(target, pairing, cell, &mut lesson, memory));
                    advance(cell.iter().map(|segment| segment.len() as u64).sum());
                }
                covers
            })
            .collect();
        let chosen = chosen.into_iter().flatten();
        let mut covers: Vec<Cover> = chosen.chain(certain_covers(&pairing.spans)).collect();
        covers.sort_unstable_by_key(|cover| cover.start);
        let seams: Vec<usize> = cells.iter().flatten().map(|segment| segment.end).collect();
        advance(target.len() as u64 - cells.iter().flatten().map(|s| s.len() as u64).sum::<u64>());
        commands(target.len() as u64, &join(self.base, target, covers, &seams))
    }

    /// Returns the covers of a cell. The first choice after the greedy one has the prices of `lesson`, which is that of a
    /// cell before; if there is none yet, this cell's stream gives it.
    fn encode_cell(
        &self,
        target: &[u8],
        pairing: &Pairing,
        cell: &Cell,
        lesson: &mut Option<Lesson>,
        memory: &mut Memory,
    ) -> Vec<Cover> {
        let seeds = &self.survey.seeds;
        let searcher = Searcher { base: self.base, seeds, dense: None, target };
        let mut part =
            |segment: &Range<usize>| self.part(&searcher, pairing, segment.clone(), memory);
        let mut parts: Vec<Part<'_>> = cell.iter().map(&mut part).collect();
        for round in 0..self.tuning.rounds {
            if round > 0 {
                *lesson = None;
            }
            if !self.choose_again(&mut parts, lesson, memory) {
                break;
            }
        }
        parts.iter().flat_map(Part::covers).collect()
    }

    /// A segment with its matches and a first, greedy choice among them.
    fn part<'t>(
        &self,
        searcher: &Searcher<'t>,
        pairing: &Pairing,
        segment: Range<usize>,
        memory: &mut Memory,
    ) -> Part<'t> {
        let Memory { settled, reach, .. } = memory;
        let Tuning { shortest_run, settled: enough, narrow, .. } = self.tuning;
        let hints = Hints {
            bridge: None,
            spans: pairing.spans_in(&segment),
            guesses: pairing.guesses_in(&segment),
            partners: &[],
        };
        let mut runs = Runs::new(shortest_run, enough, narrow, segment.len(), reach);
        let matches = searcher.find(segment.clone(), &hints, &mut runs, settled);
        let pieces = parse_greedily(&matches, self.tuning.shortest_greedy);
        let before = pairing.span_before(&segment).copied();
        Part { origin: segment.start, bytes: &searcher.target[segment], matches, pieces, before }
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
    settled: Vec<u8>,
    reach: Vec<u32>,
    stream: TrialStream,
    literals: LiteralPrices,
    ways: Ways,
}

/// A segment with the choice made for it so far.
struct Part<'a> {
    origin: usize,
    bytes: &'a [u8],
    matches: Vec<Match>,
    pieces: Vec<Match>,
    /// The certain span right before it.
    before: Option<Span>,
}

impl Part<'_> {
    fn covers(&self) -> impl Iterator<Item = Cover> + '_ {
        self.pieces.iter().map(|piece| piece.cover(self.origin))
    }
}
