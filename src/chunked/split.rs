//! Covers of a layer as the plans of chunks.

use std::ops::Range;

use super::coding::Coder;
use super::gather::{Gathered, Part, Room};
use crate::delta::{Base, Cover, OpenedMember, Opening};
use crate::references::Program;

/// The streams of a chunk have so many bytes at most, about: their coded form is what a broken transfer repeats, and what
/// both sides have in memory.
const RAW_BYTES: u64 = 16 << 20;
/// It ends as well if it makes so many bytes, so that a broken rebuild repeats no more.
const TARGET_BYTES: u64 = 128 << 20;
/// Bytes are compared and taken over in pieces of so many, so that no chunk has many more than it should.
const PIECE_BYTES: u64 = 64 << 10;

/// Cuts the layer `target` into chunks, which `covers` of `base` make, or where members are open, those of `opening`.
pub(super) struct Splitter<'a> {
    base: &'a Base<'a>,
    target: &'a [u8],
    covers: &'a [Cover],
    programs: &'a [Program],
    opening: &'a Opening,
    /// The members that are not done.
    members: &'a [OpenedMember],
    /// How much of the target is done.
    at: u64,
    /// Where it ends.
    end: u64,
    /// Where each stretch of the opening starts, by what is in all.
    starts: Vec<u64>,
    /// What comes together in a chunk.
    room: Room,
    /// A chunk makes so many bytes at most, but for what the last member has behind that.
    target_bytes: u64,
}

impl<'a> Splitter<'a> {
    /// `covers` are in order and do not overlap, nor do `programs`, nor those and the members of `opening`.
    pub(super) fn new(
        base: &'a Base<'a>,
        target: &'a [u8],
        covers: &'a [Cover],
        programs: &'a [Program],
        opening: &'a Opening,
        coder: &Coder,
    ) -> Self {
        let start = |behind: &mut u64, len: u64| {
            let start = *behind;
            *behind += len;
            Some(start)
        };
        let starts = opening.stretches.iter().map(|stretch| stretch.len).scan(0, start).collect();
        let room =
            Room { raw_bytes: coder.chunk_bytes(RAW_BYTES), content_bytes: coder.content_bytes() };
        let (members, end) = (&opening.members[..], target.len() as u64);
        let target_bytes = TARGET_BYTES;
        Splitter {
            base,
            target,
            covers,
            programs,
            opening,
            members,
            at: 0,
            end,
            starts,
            room,
            target_bytes,
        }
    }

    /// The same with chunks of about `target_bytes`.
    #[cfg(test)]
    pub(super) fn every(self, target_bytes: u64) -> Self {
        Splitter { target_bytes, ..self }
    }

    /// The same of `range` alone.
    pub(super) fn within(self, range: Range<u64>) -> Self {
        let first = self.members.partition_point(|member| member.start < range.start);
        let members = &self.members[first..];
        Splitter { at: range.start, end: range.end, members, ..self }
    }

    /// Adds what is next to `gathered`, no more than up to `limit`. Returns whether there was room for it.
    fn add_next(&mut self, gathered: &mut Gathered, limit: u64) -> bool {
        if let Some((member, others)) = self.members.split_first()
            && member.start <= self.at
        {
            let has_room = gathered.member(member, self.opening, &self.starts, &self.room);
            if has_room {
                (self.at, self.members) = (member.end(), others);
            }
            return has_room;
        }
        let limit = self.members.first().map_or(limit, |member| member.start.min(limit));
        while self.covers.first().is_some_and(|cover| cover.end() <= self.at) {
            self.covers = &self.covers[1..];
        }
        let next = self.covers.first().filter(|cover| cover.start <= self.at);
        let end = match next {
            Some(cover) => cover.end(),
            None => self.covers.first().map_or(limit, |cover| cover.start),
        };
        let end = end.min(self.at + PIECE_BYTES).min(limit);
        match next {
            Some(cover) => {
                let offset = cover.offset + (self.at - cover.start);
                let bytes = &self.target[self.at as usize..end as usize];
                let changes = self.base.changes(offset, bytes);
                gathered.cover(Cover { start: self.at, len: end - self.at, offset }, changes);
            }
            None => gathered.literals(end - self.at),
        }
        self.at = end;
        true
    }
}

impl Iterator for Splitter<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        let start = self.at;
        let limit = self.end.min(start + self.target_bytes);
        let mut gathered = Gathered::default();
        while self.at < limit && !gathered.is_full(&self.room) {
            if !self.add_next(&mut gathered, limit) {
                break;
            }
        }
        let real = start..self.at;
        let first = self.programs.partition_point(|one| one.target.range().end <= real.start);
        let end = self.programs.partition_point(|one| one.target.range().start < real.end);
        let programs = &self.programs[first..end.max(first)];
        (!real.is_empty()).then(|| gathered.part(real, programs, self.base.len()))
    }
}
