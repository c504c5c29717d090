//! What comes together in one chunk.

use std::collections::BTreeMap;
use std::ops::Range;

use super::format::{CHUNK_COVERS, CHUNK_TARGET_BYTES, MEMBERS};
use super::opened::PackedMember;
use super::walk::Plan;
use crate::delta::{Cover, OpenedMember, Opening, PackedStretch, append_cover};
use crate::references::Program;

/// What a cover takes in the streams, about.
const COVER_BYTES: u64 = 8;
/// What a changed byte takes there.
const CHANGE_BYTES: u64 = 2;

/// A chunk in the making, and the bytes of the layer that it makes.
#[derive(Debug)]
pub(super) struct Part {
    /// What it is made of, by places in its plain bytes.
    pub(super) plan: Plan,
    /// Where in the layer its bytes are.
    pub(super) real: Range<u64>,
    /// Where in the layer each of its members is packed.
    pub(super) packed: Vec<Range<u64>>,
}

/// How much may come together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// In streams, about.
    pub(super) raw_bytes: u64,
    /// In contents of members, but for a single one.
    pub(super) content_bytes: u64,
}

/// What a chunk has so far. Places are those in its plain bytes.
#[derive(Default)]
pub(super) struct Gathered {
    /// Each with the number of the stretch in which its place counts, or else that is in the base stream.
    covers: Vec<(Option<usize>, Cover)>,
    members: Vec<PackedMember>,
    packed: Vec<Range<u64>>,
    /// The stretches that covers are of, by their places in the base and their numbers.
    stretches: BTreeMap<(u64, usize), PackedStretch>,
    /// How far plain bytes are behind those of the layer, modulo 2^64.
    shift: u64,
    /// What all contents of members have.
    content: u64,
    /// What its streams take, about.
    bytes: u64,
}

impl Gathered {
    /// Whether there is no room for more.
    pub(super) fn is_full(&self, room: &Room) -> bool {
        self.bytes >= room.raw_bytes || self.covers.len() >= CHUNK_COVERS
    }

    /// Adds `bytes` literals.
    pub(super) fn literals(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Adds `cover`, which may go on with the one before, and has so many `changes`.
    pub(super) fn cover(&mut self, cover: Cover, changes: u64) {
        self.bytes += CHANGE_BYTES * changes;
        let cover = Cover { start: cover.start.wrapping_add(self.shift), ..cover };
        match self.covers.last_mut() {
            Some((None, last))
                if last.end() == cover.start && last.offset + last.len == cover.offset =>
            {
                last.len += cover.len;
            }
            _ => self.push(None, cover),
        }
    }

    fn push(&mut self, stretch: Option<usize>, cover: Cover) {
        self.covers.push((stretch, cover));
        self.bytes += COVER_BYTES;
    }

    /// Adds `member` of `opening`, whose stretches start at `starts`, if there is `room` for it.
    pub(super) fn member(
        &mut self,
        member: &OpenedMember,
        opening: &Opening,
        starts: &[u64],
        room: &Room,
    ) -> bool {
        let start = member.start.wrapping_add(self.shift);
        let pieces: Vec<(usize, Cover)> = member
            .covers
            .iter()
            .flat_map(|cover| cut(cover, starts))
            .map(|(number, cover)| (number, Cover { start: start + cover.start, ..cover }))
            .collect();
        let covered: u64 = pieces.iter().map(|(_, cover)| cover.len).sum();
        let key = |number: usize| (opening.stretches[number].offset, number);
        let new: BTreeMap<_, _> = pieces
            .iter()
            .map(|(number, _)| (key(*number), opening.stretches[*number]))
            .filter(|(key, _)| !self.stretches.contains_key(key))
            .collect();
        let opened: u64 = new.values().map(|stretch| stretch.len).sum();
        let bytes = opened + member.len - covered
            + CHANGE_BYTES * member.changed_bytes
            + COVER_BYTES * pieces.len() as u64;
        let has_room = self.bytes + bytes <= room.raw_bytes
            && self.content + member.len <= room.content_bytes.min(CHUNK_TARGET_BYTES / 2)
            && self.covers.len() + pieces.len() <= CHUNK_COVERS
            && self.stretches.len() + new.len() <= MEMBERS
            && self.members.len() < MEMBERS;
        if !has_room && self.bytes > 0 {
            return false;
        }
        pieces.into_iter().for_each(|(number, cover)| self.covers.push((Some(number), cover)));
        self.stretches.extend(new);
        self.members.push(PackedMember { start, len: member.len, level: member.level });
        self.packed.push(member.start..member.end());
        self.shift = self.shift.wrapping_add(member.len).wrapping_sub(member.packed_len);
        self.content += member.len;
        self.bytes += bytes;
        true
    }

    /// Returns the part for the bytes `real` of the layer, with what it has of `programs`, by places in the layer. The base stream has
    /// `base_len` bytes.
    pub(super) fn part(self, real: Range<u64>, programs: &[Program], base_len: u64) -> Part {
        let mut starts = BTreeMap::new();
        let mut opened = base_len;
        for ((_, number), stretch) in &self.stretches {
            starts.insert(*number, opened);
            opened += stretch.len;
        }
        let mut covers = Vec::with_capacity(self.covers.len());
        for (stretch, mut cover) in self.covers {
            cover.offset += stretch.and_then(|number| starts.get(&number)).copied().unwrap_or(0);
            append_cover(&mut covers, cover);
        }
        let range = real.start..real.end.wrapping_add(self.shift);
        let mut programs = programs.to_vec();
        for program in &mut programs {
            let start = program.target.range().start;
            let before = self.packed.iter().zip(&self.members);
            let grown = before
                .filter(|(packed, _)| packed.end <= start)
                .fold(0u64, |sum, (p, m)| sum.wrapping_add(m.len).wrapping_sub(p.end - p.start));
            let regions = program.target.regions.iter_mut();
            regions.for_each(|region| region.start = region.start.wrapping_add(grown));
        }
        let stretches = self.stretches.into_values().collect();
        let plan = Plan { range, covers, programs, members: self.members, stretches };
        Part { plan, real, packed: self.packed }
    }
}

/// `cover` of contents that start at `starts`, cut where they end: each piece with the number of the content, and its place in that.
fn cut(cover: &Cover, starts: &[u64]) -> impl Iterator<Item = (usize, Cover)> {
    let mut rest = *cover;
    std::iter::from_fn(move || {
        if rest.len == 0 {
            return None;
        }
        let number = starts.partition_point(|start| *start <= rest.offset).checked_sub(1)?;
        let end = starts.get(number + 1).map_or(u64::MAX, |next| *next - rest.offset);
        let len = rest.len.min(end);
        let piece = Cover { start: rest.start, len, offset: rest.offset - starts[number] };
        rest = Cover { start: rest.start + len, len: rest.len - len, offset: rest.offset + len };
        Some((number, piece))
    })
}
