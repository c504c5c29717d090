//! A cell's delta stream as one choice of commands makes it, and the prices it teaches for the next
//! choice.

use std::ops::Range;

use super::Command;
use super::matching::Match;
use super::prices::{BIT, CLASSES, CommandPrices, ExtraPrices, LiteralPrices, nearness};
use super::pricing::{Figures, Pricing, Repeats};
use super::stream_model::{History, HistoryTable, price_stream};

/// The larger a COPY's price beside the stream, the more the choice drifts to them from round to round;
/// this part of that price is added against it.
const DRIFT: u32 = 2;
/// As how many COPYs it counts what a COPY is presumed to take.
const PRESUMED_COUNT: u32 = 4;

/// A COPY of more bytes than this stays one, at whatever price its bytes could be had as literals,
const LONG_COPY: usize = 96;
/// but for so many of its first and last.
const COPY_EDGE: usize = 8;
/// So many bytes before a match, repeats are looked for that reach into it.
const LEAD: usize = 16;

/// What is known of the stream's dialect.
#[derive(Debug)]
pub(super) struct Teacher<'a> {
    pricing: &'a dyn Pricing,
    figures: Figures,
    extra: ExtraPrices,
}

impl<'a> Teacher<'a> {
    pub(super) fn new(pricing: &'a dyn Pricing, figures: Figures) -> Self {
        Teacher { pricing, figures, extra: ExtraPrices::new(&figures) }
    }

    /// Returns what repeats cost in the stream.
    pub(super) fn repeats(&self) -> Repeats {
        self.figures.repeats
    }
}

/// What a byte of the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Literal,
    LiteralCommand,
    Copy(u8),
    OffsetLow,
}

/// The prices that a trial stream teaches.
pub(super) struct Lesson {
    /// Of literal bytes, by value.
    pub(super) value: [u32; 256],
    pub(super) commands: CommandPrices,
}

/// Where in a trial stream a stretch of a segment is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StreamPlace {
    /// Where the stretch begins in the segment.
    at: usize,
    /// Where its first byte is in the stream, or would be.
    stream: usize,
    /// Whether the stream has its bytes.
    literal: bool,
}

/// The stream of a cell, and memory for what is learnt from it.
#[derive(Default)]
pub(super) struct TrialStream {
    share: Vec<u32>,
    table: HistoryTable,
    bytes: Vec<u8>,
    fields: Vec<Field>,
    copies: [u32; CLASSES],
    literals: u32,
    last_offset: u64,
}

impl TrialStream {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
        self.copies = [0; CLASSES];
        self.literals = 0;
        self.last_offset = 0;
    }

    pub(super) fn push_copy(&mut self, teacher: &Teacher<'_>, offset: u64, len: u64) {
        let class = nearness(self.last_offset, offset);
        let copy = Command::Copy { offset, len };
        let offset_low = teacher.pricing.write_command(&copy, &mut self.bytes);
        self.fields.resize(self.bytes.len(), Field::Copy(class as u8));
        if let Some(place) = offset_low {
            self.fields[place] = Field::OffsetLow;
        }
        self.copies[class] += 1;
        self.last_offset = offset;
    }

    fn push_literal(&mut self, teacher: &Teacher<'_>, bytes: &[u8]) {
        let literal = Command::Literal { len: bytes.len() as u64 };
        teacher.pricing.write_command(&literal, &mut self.bytes);
        self.fields.resize(self.bytes.len(), Field::LiteralCommand);
        self.bytes.extend_from_slice(bytes);
        self.fields.resize(self.bytes.len(), Field::Literal);
        self.literals += 1;
    }

    /// Adds the commands for a segment of `origin` in the target, whose copies are `pieces`.
    /// Returns where in the stream each is.
    pub(super) fn push_segment(
        &mut self,
        teacher: &Teacher<'_>,
        origin: usize,
        bytes: &[u8],
        pieces: &[Match],
    ) -> Vec<StreamPlace> {
        let mut places = Vec::with_capacity(2 * pieces.len() + 1);
        let mut at = 0;
        let mut literal = |stream: &mut Self, from: usize, to: usize| {
            if from < to {
                stream.push_literal(teacher, &bytes[from..to]);
                let start = stream.bytes.len() - (to - from);
                places.push(StreamPlace { at: from, stream: start, literal: true });
            }
            places.push(StreamPlace { at: to, stream: stream.bytes.len(), literal: false });
        };
        for piece in pieces {
            let (start, end) = (piece.start as usize, piece.end as usize);
            literal(self, at, start);
            let offset = (origin + start) as i64 + piece.displacement;
            self.push_copy(teacher, offset as u64, (end - start) as u64);
            at = end;
        }
        literal(self, at, bytes.len());
        places
    }

    /// Returns the prices that this stream teaches.
    pub(super) fn learn(&mut self, teacher: &Teacher<'_>) -> Lesson {
        let Teacher { figures, extra, .. } = teacher;
        let share = std::mem::take(&mut self.share);
        let stream = price_stream(&self.bytes, figures.repeats, &mut self.table, share);
        let mut literal_sum = 0;
        let mut copy_sums =
            figures.presumed_copy.map(|bits| u64::from(bits * BIT * PRESUMED_COUNT));
        let mut low_sums = stream.value.map(|price| u64::from(price * PRESUMED_COUNT));
        let mut low_counts = [u64::from(PRESUMED_COUNT); 256];
        for ((&byte, field), &share) in self.bytes.iter().zip(&self.fields).zip(&stream.share) {
            match *field {
                Field::Literal => {}
                Field::LiteralCommand => literal_sum += u64::from(share),
                Field::Copy(class) => copy_sums[usize::from(class)] += u64::from(share),
                Field::OffsetLow => {
                    low_sums[usize::from(byte)] += u64::from(share);
                    low_counts[usize::from(byte)] += 1;
                }
            }
        }
        let literal = (literal_sum / u64::from(self.literals.max(1))) as u32;
        let beside = figures.disturbance * BIT + extra.copy + extra.copy / DRIFT;
        let commands = CommandPrices {
            literal: literal.max(figures.literal_min * BIT) + extra.literal,
            copy: std::array::from_fn(|class| {
                let count = u64::from(self.copies[class] + PRESUMED_COUNT);
                (copy_sums[class] / count) as u32 + beside
            }),
            offset_low: std::array::from_fn(|byte| (low_sums[byte] / low_counts[byte]) as u32),
            long: figures.long_copy * BIT,
        };
        self.share = stream.share;
        Lesson { value: stream.value, commands }
    }

    /// What has been seen of this stream: nothing yet.
    pub(super) fn history(&mut self, repeats: Repeats) -> History<'_> {
        History::new(&self.bytes, repeats, &mut self.table)
    }
}

/// Prices the bytes of a segment as literals: by `value`, or where they repeat what the stream has
/// before their place in it, as part of that repeat. Repeats matter where there is a choice: not deep
/// inside a COPY, nor far from all of `matches`.
pub(super) fn price_literals(
    history: &mut History<'_>,
    value: &[u32; 256],
    places: &[StreamPlace],
    bytes: &[u8],
    matches: &[Match],
    prices: &mut LiteralPrices,
) {
    prices.byte.clear();
    prices.byte.extend(bytes.iter().map(|&byte| value[usize::from(byte)]));
    prices.enter.clear();
    prices.enter.resize(bytes.len(), 0);
    let mut places = places.iter().peekable();
    let mut place = StreamPlace::default();
    let mut matches = matches.iter().peekable();
    let mut covered = 0;
    let mut at = 0;
    let near = |found: &Match| (found.start as usize).saturating_sub(LEAD);
    while at < bytes.len() {
        while let Some(found) = matches.next_if(|found| near(found) <= at) {
            covered = covered.max(found.end as usize);
        }
        if at >= covered {
            at = matches.peek().map_or(bytes.len(), |found| near(found));
            continue;
        }
        while let Some(next) = places.next_if(|next| next.at <= at) {
            place = *next;
        }
        let end = places.peek().map_or(bytes.len(), |next| next.at);
        if let Some(inside) = deep_inside(place, end, at) {
            at = inside;
            continue;
        }
        let edge = if at < place.at + COPY_EDGE { place.at + COPY_EDGE } else { end };
        at = price_repeats(history, place, bytes, at..edge.min(end).min(covered), prices);
    }
}

/// Prices repeats that begin in `range` of a segment of `bytes`, in which all goes on from `place`. Returns where the last
/// of them ends, or else the range.
fn price_repeats(
    history: &mut History<'_>,
    place: StreamPlace,
    bytes: &[u8],
    range: Range<usize>,
    prices: &mut LiteralPrices,
) -> usize {
    let mut at = range.start;
    while at < range.end {
        let position = place.stream + if place.literal { at - place.at } else { 0 };
        history.advance(position);
        let repeat = history
            .find(&bytes[at..], position)
            .filter(|repeat| repeat.price < prices.byte[at..at + repeat.len].iter().sum());
        at += match repeat {
            Some(repeat) => price_repeat(prices, at, repeat.len, repeat.price),
            None => 1,
        };
    }
    at
}

/// Where the inside of a long COPY ends that `at` is in, or else `None`. It goes from `place` to `end`.
fn deep_inside(place: StreamPlace, end: usize, at: usize) -> Option<usize> {
    let long = !place.literal && end > place.at + LONG_COPY;
    (long && at >= place.at + COPY_EDGE && at + COPY_EDGE < end).then(|| end - COPY_EDGE)
}

/// A repeat's price falls on its first byte. Who begins in its middle pays it too, or the bytes
/// that are left one by one. Returns the repeat's length.
fn price_repeat(prices: &mut LiteralPrices, at: usize, len: usize, price: u32) -> usize {
    let mut singly = 0;
    for inside in (at..at + len).rev() {
        singly += prices.byte[inside];
        prices.enter[inside] = singly.min(price);
        prices.byte[inside] = 0;
    }
    prices.byte[at] = price;
    prices.enter[at] = 0;
    len
}
