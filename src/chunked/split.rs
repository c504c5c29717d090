//! Covers of a layer as the plans of chunks.

use super::coding::Coder;
use super::format::CHUNK_COVERS;
use super::walk::Plan;
use crate::delta::{Base, Cover, append_cover};
use crate::references::Program;

/// The streams of a chunk have so many bytes at most, about: their coded form is what a broken transfer repeats, and what
/// both sides have in memory.
const RAW_BYTES: u64 = 16 << 20;
/// It ends as well if it makes so many bytes, so that a broken rebuild repeats no more.
const TARGET_BYTES: u64 = 128 << 20;
/// Bytes are compared and taken over in pieces of so many, so that no chunk has many more than it should.
const PIECE_BYTES: u64 = 64 << 10;
/// What a cover takes in the streams, about.
const COVER_BYTES: u64 = 8;
/// What a changed byte takes there.
const CHANGE_BYTES: u64 = 2;

/// Cuts the layer `target` into chunks, which `covers` of `base` make.
pub(super) struct Splitter<'a> {
    base: &'a Base<'a>,
    target: &'a [u8],
    covers: &'a [Cover],
    programs: &'a [Program],
    /// How much of the target is done.
    at: u64,
    /// A chunk ends if its streams have so many bytes.
    raw_bytes: u64,
    /// A chunk makes so many bytes at most.
    target_bytes: u64,
}

impl<'a> Splitter<'a> {
    /// `covers` are in order and do not overlap, nor do `programs`.
    pub(super) fn new(
        base: &'a Base<'a>,
        target: &'a [u8],
        covers: &'a [Cover],
        programs: &'a [Program],
        coder: &Coder,
    ) -> Self {
        let raw_bytes = coder.chunk_bytes(RAW_BYTES);
        Splitter { base, target, covers, programs, at: 0, raw_bytes, target_bytes: TARGET_BYTES }
    }

    /// The same with chunks of about `target_bytes`.
    #[cfg(test)]
    pub(super) fn every(self, target_bytes: u64) -> Self {
        Splitter { target_bytes, ..self }
    }

    /// Adds what is next to `filling`, no more than up to `limit`.
    fn add_next(&mut self, filling: &mut Filling, limit: u64) {
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
                filling.cover(Cover { start: self.at, len: end - self.at, offset });
                filling.bytes += CHANGE_BYTES * changes(self.base, offset, bytes);
            }
            None => filling.bytes += end - self.at,
        }
        self.at = end;
    }
}

impl Iterator for Splitter<'_> {
    type Item = Plan;

    fn next(&mut self) -> Option<Plan> {
        let start = self.at;
        let limit = (self.target.len() as u64).min(start + self.target_bytes);
        let mut filling = Filling::default();
        while self.at < limit && !filling.is_full(self.raw_bytes) {
            self.add_next(&mut filling, limit);
        }
        let range = start..self.at;
        let first = self.programs.partition_point(|one| one.target.range().end <= range.start);
        let end = self.programs.partition_point(|one| one.target.range().start < range.end);
        let programs = self.programs[first..end.max(first)].to_vec();
        (!range.is_empty()).then_some(Plan { range, covers: filling.covers, programs })
    }
}

/// How many bytes `new` has changed in what the base has from `offset` on.
fn changes(base: &Base<'_>, offset: u64, new: &[u8]) -> u64 {
    let (mut rest, mut changes) = (new, 0);
    for old in base.pieces(offset, new.len() as u64).into_iter().flatten() {
        let (own, after) = rest.split_at(old.len());
        rest = after;
        changes += own.iter().zip(old).filter(|(new, old)| new != old).count();
    }
    changes as u64
}

/// A chunk in the making.
#[derive(Default)]
struct Filling {
    covers: Vec<Cover>,
    /// What its streams take, about.
    bytes: u64,
}

impl Filling {
    /// Whether the streams have `most` bytes, or there are no more covers in a chunk.
    fn is_full(&self, most: u64) -> bool {
        self.bytes >= most || self.covers.len() == CHUNK_COVERS
    }

    /// Adds `cover`, which may go on with the one before.
    fn cover(&mut self, cover: Cover) {
        let before = self.covers.len();
        append_cover(&mut self.covers, cover);
        self.bytes += COVER_BYTES * (self.covers.len() - before) as u64;
    }
}
