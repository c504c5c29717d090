//! The choice of covers for one segment: the cheapest way through its lanes.
//!
//! Dynamic programming over the bytes, with three ways to make each: as a literal, unchanged from a lane, or changed
//! from a lane.

use super::super::extent::common_prefix;
use super::super::matching::Match;
use super::super::ways::{BEGAN, LITERAL, OPEN, Step, UNREACHED, Ways, trace_back};
use super::prices::{BIT, Prices};

/// So many unchanged bytes cost as much as one bit.
const UNCHANGED_BYTES_PER_BIT: usize = 50;
/// Leaps over fewer bytes do not pay.
const SHORTEST_LEAP: usize = 16;

/// A lane that covers the current byte, and the cheapest way to be in it.
#[derive(Clone, Copy)]
struct OpenLane<'a> {
    price: u32,
    from: u32,
    number: u32,
    end: u32,
    displacement: i64,
    /// The slice of the base that it is in.
    slice: usize,
    /// What the base has from the current byte on.
    tail: &'a [u8],
    /// Whether the byte before is a changed one.
    changed: bool,
}

impl OpenLane<'_> {
    /// Goes along `bytes`, counting changes up to where they make it dearer than `most`.
    fn pass(&mut self, bytes: &[u8], prices: &Prices, most: u32) {
        let (mut at, tail) = (0, self.tail);
        self.tail = tail.get(bytes.len()..).unwrap_or_default();
        let unchanged = bytes.len() as u32 * BIT / UNCHANGED_BYTES_PER_BIT as u32;
        self.price += unchanged;
        while at < bytes.len() && self.price < most + unchanged {
            let equal = common_prefix(&bytes[at..], &tail[at.min(tail.len())..]);
            if equal > 0 && self.changed {
                self.price += prices.end_of_change;
                self.changed = false;
            }
            at += equal;
            if at < bytes.len() {
                self.price += if self.changed { prices.next_change } else { prices.first_change };
                self.changed = true;
                at += 1;
            }
        }
    }
}

/// A segment and what is known of it.
pub(super) struct Segment<'a> {
    pub(super) bytes: &'a [u8],
    /// Its lanes, by start.
    pub(super) lanes: &'a [Match],
    /// The displacement of the cover before it.
    pub(super) displacement: i64,
    /// The slice of the base that a reader has at hand where it begins.
    pub(super) slice: Option<usize>,
}

/// The cheapest way to a byte.
#[derive(Clone, Copy)]
struct Way {
    price: u32,
    /// The displacement of its last cover, and the slice of the base that this is in.
    displacement: i64,
    slice: Option<usize>,
}

/// Returns the cheapest pieces for `segment`. `tail` gives what the base has from where a byte of the segment comes
/// from along a displacement, and in which slice; `ways` is memory to work in.
pub(super) fn choose<'a>(
    segment: &Segment<'_>,
    tail: impl Fn(usize, i64) -> (usize, &'a [u8]),
    prices: &Prices,
    ways: &mut Ways,
) -> Vec<Match> {
    let len = segment.bytes.len();
    let Segment { displacement, slice, .. } = *segment;
    ways.0.clear();
    ways.0.resize(len + 1, Step::default());
    let mut walk = Walk {
        segment,
        prices,
        steps: &mut ways.0,
        open: Vec::with_capacity(OPEN),
        next_lane: 0,
        unchanged: 0,
        cover: Way { price: 0, displacement, slice },
        literal: Way { price: UNREACHED, displacement, slice },
    };
    let mut at = 0;
    while at < len {
        walk.open_and_close(at, &tail);
        at = walk.leap(at).unwrap_or_else(|| walk.step(at));
    }
    trace_back(walk.steps, segment.lanes)
}

struct Walk<'a, 's> {
    segment: &'s Segment<'s>,
    prices: &'s Prices,
    steps: &'s mut [Step],
    open: Vec<OpenLane<'a>>,
    next_lane: usize,
    /// Unchanged bytes that were not paid for yet.
    unchanged: usize,
    /// The cheapest way here that ends with a cover.
    cover: Way,
    /// The cheapest way here that ends in a literal.
    literal: Way,
}

impl<'a> Walk<'a, '_> {
    /// Takes in lanes that begin here, lets those go that end here, and enters each from the cheapest way here if that
    /// is cheaper than to have been in it.
    fn open_and_close(&mut self, at: usize, tail: impl Fn(usize, i64) -> (usize, &'a [u8])) {
        self.open.retain(|lane| lane.end as usize > at);
        while let Some(lane) = self.segment.lanes.get(self.next_lane)
            && lane.start as usize <= at
        {
            let Match { end, displacement, .. } = *lane;
            let number = self.next_lane as u32;
            self.next_lane += 1;
            if end as usize <= at {
                continue;
            }
            let (slice, tail) = tail(at, displacement);
            let opened = OpenLane {
                price: UNREACHED,
                from: 0,
                number,
                end,
                displacement,
                slice,
                tail,
                changed: false,
            };
            self.admit(opened);
        }
        let by_literal = self.literal.price < self.cover.price;
        let last = if by_literal { self.literal } else { self.cover };
        for lane in &mut self.open {
            // Going on in the same lane costs nothing; the lane's own price says so already.
            let entry = match lane.displacement == last.displacement {
                true => self.prices.near,
                false if last.slice == Some(lane.slice) => self.prices.far,
                false => self.prices.far + self.prices.other_slice,
            };
            let price = last.price + entry;
            if price < lane.price {
                (lane.price, lane.from, lane.changed) = (price, at as u32, false);
            }
        }
    }

    /// Adds a lane to the open ones; if there are too many, the dearest goes.
    fn admit(&mut self, lane: OpenLane<'a>) {
        if self.open.len() < OPEN {
            self.open.push(lane);
        } else if let Some(dearest) = self.open.iter_mut().max_by_key(|open| open.price) {
            *dearest = lane;
        }
    }

    /// Passes over bytes that the cheapest open lane has unchanged, up to where a lane begins or ends. Returns where it is
    /// then, or `None` if there is no such way. To go into another lane on the way pays no more than at its end.
    fn leap(&mut self, at: usize) -> Option<usize> {
        let cheapest = self.open.iter().enumerate().min_by_key(|(_, lane)| lane.price)?.0;
        let ends = self.open.iter().map(|lane| lane.end);
        let next = self.segment.lanes.get(self.next_lane).map_or(u32::MAX, |lane| lane.start);
        let until = (ends.min()?.min(next) as usize).min(self.segment.bytes.len());
        let bytes = &self.segment.bytes[at..until];
        let OpenLane { tail, price, .. } = self.open[cheapest];
        let equal = common_prefix(bytes, tail);
        if equal < SHORTEST_LEAP {
            return None;
        }
        let bytes = &bytes[..equal];
        // A lane that gets dearer than the way from the cheapest one to it is entered anew behind.
        let entry = self.prices.far + self.prices.other_slice;
        let most = price + self.prices.end_of_change + entry + 1;
        self.open.iter_mut().for_each(|lane| lane.pass(bytes, self.prices, most));
        self.steps[at + 1].number = self.go_on_in_literal(equal as u32);
        let OpenLane { from, number, displacement, slice, price, .. } = self.open[cheapest];
        self.cover = Way { price, displacement, slice: Some(slice) };
        let literal = if self.literal.price < price { LITERAL } else { 0 };
        self.steps[at + equal] = Step { from, number: number | literal };
        Some(at + equal)
    }

    /// Makes `len` bytes literal, in a literal that begins here if that is cheaper. Returns [`BEGAN`] if so, or else 0.
    fn go_on_in_literal(&mut self, len: u32) -> u32 {
        let begun = self.cover.price.saturating_add(self.prices.literal);
        let began = if begun < self.literal.price { BEGAN } else { 0 };
        if began != 0 {
            self.literal = Way { price: begun, ..self.cover };
        }
        let bytes = self.prices.literal_byte.saturating_mul(len);
        self.literal.price = self.literal.price.saturating_add(bytes).min(UNREACHED);
        began
    }

    /// Makes the next byte in every way. Returns where it is then.
    fn step(&mut self, at: usize) -> usize {
        let byte = self.segment.bytes[at];
        self.unchanged = (self.unchanged + 1) % UNCHANGED_BYTES_PER_BIT;
        let unchanged = if self.unchanged == 0 { BIT } else { 0 };
        let began = self.go_on_in_literal(1);
        let (mut from, mut number) = (0, 0);
        self.cover = Way { price: UNREACHED, displacement: 0, slice: None };
        for lane in &mut self.open {
            let equal = lane.tail.first() == Some(&byte);
            lane.tail = lane.tail.get(1..).unwrap_or_default();
            lane.price += match (equal, lane.changed) {
                (true, false) => unchanged,
                (true, true) => self.prices.end_of_change,
                (false, false) => self.prices.first_change,
                (false, true) => self.prices.next_change,
            };
            lane.changed = !equal;
            if lane.price < self.cover.price {
                let OpenLane { price, displacement, slice, .. } = *lane;
                self.cover = Way { price, displacement, slice: Some(slice) };
                (from, number) = (lane.from, lane.number);
            }
        }
        let literal = if self.literal.price < self.cover.price { LITERAL } else { 0 };
        self.steps[at + 1] = Step { from, number: number | literal | began };
        at + 1
    }
}
