//! Covers, cut where what their bytes mean changes.

use super::program::{Kind, Program, Region};

/// No stretch is longer, so that whoever goes through one has all of it in memory.
const STRETCH_BYTES: u64 = 64 << 10;

/// A part of a cover between two regions of one kind, of one program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The address of its first byte in the base's program.
    pub old: u64,
    /// The same in the target's.
    pub new: u64,
    /// How many bytes it has.
    pub len: u64,
    /// What references it has.
    pub kind: Kind,
    /// The address that numbers are counted from in the base's region, if not from their own.
    pub old_origin: u64,
    /// The same in the target's region.
    pub new_origin: u64,
}

impl Stretch {
    /// How far addresses in it have moved.
    pub(super) fn shift(&self) -> u64 {
        self.new.wrapping_sub(self.old)
    }

    /// Whether it has the byte at `old`, an address in the base's program.
    pub(super) fn has(&self, old: u64) -> bool {
        old.wrapping_sub(self.old) < self.len
    }
}

/// A part of a cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where in the base stream it starts.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u64,
    /// What it is of a program, if it is.
    pub stretch: Option<Stretch>,
}

/// The parts of a cover, in order. Its bytes may be of one program at most.
#[derive(Debug)]
pub struct Parts<'a> {
    program: Option<&'a Program>,
    offset: u64,
    at: u64,
    end: u64,
}

impl<'a> Parts<'a> {
    /// The parts of a cover of the `len` bytes from `offset` of the base stream on, which go to `at` of the layer, if
    /// these may be in `program` alone.
    pub fn new(program: Option<&'a Program>, offset: u64, at: u64, len: u64) -> Self {
        Parts { program, offset, at, end: at + len }
    }
}

impl Iterator for Parts<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        let left = self.end - self.at;
        if left == 0 {
            return None;
        }
        let (offset, mut len) = (self.offset, left.min(STRETCH_BYTES));
        let mut stretch = None;
        if let Some(Program { base, target }) = self.program {
            let old = base.region_at(offset);
            let new = target.region_at(self.at);
            let ends = [old.map(|old| old.end() - offset), new.map(|new| new.end() - self.at)];
            let starts = [
                base.next_start(offset).map(|start| start - offset),
                target.next_start(self.at).map(|start| start - self.at),
            ];
            len = ends.into_iter().chain(starts).flatten().fold(len, u64::min);
            let same = old.zip(new).filter(|(old, new)| old.kind == new.kind);
            stretch = same.map(|(old, new)| between(old, new, offset, self.at, len));
        }
        self.offset += len;
        self.at += len;
        Some(Part { offset, len, stretch })
    }
}

/// Returns the program of `programs`, which are in order, that has the byte at `at` of the layer, if one has, and how far up to
/// `end` that holds. Programs before `at` are taken off.
pub fn program_at<'a>(
    programs: &mut &'a [Program],
    at: u64,
    end: u64,
) -> (Option<&'a Program>, u64) {
    while let [first, rest @ ..] = *programs {
        let range = first.target.range();
        if range.end <= at {
            *programs = rest;
            continue;
        }
        let inside = range.start <= at;
        let until = if inside { range.end } else { range.start };
        return (inside.then_some(first), until.min(end));
    }
    (None, end)
}

fn between(old: &Region, new: &Region, offset: u64, at: u64, len: u64) -> Stretch {
    Stretch {
        old: old.address + (offset - old.start),
        new: new.address + (at - new.start),
        len,
        kind: old.kind,
        old_origin: old.origin(),
        new_origin: new.origin(),
    }
}
