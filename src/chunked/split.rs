//! Covers of a layer as the streams of chunks.

use super::streams::{StreamKind, Streams};
use crate::delta::{Base, Cover};
use crate::leb128::{folded, push};

/// A chunk ends if its streams have so many bytes: their coded form is what a broken transfer repeats, and what
/// both sides have in memory.
const RAW_BYTES: usize = 16 << 20;
/// It ends as well if it makes so many bytes, so that a broken rebuild repeats no more.
const TARGET_BYTES: u64 = 128 << 20;
/// Bytes are compared and taken over in pieces of so many, so that no chunk has many more than it should.
const PIECE_BYTES: u64 = 64 << 10;

/// A chunk that is not coded yet.
#[derive(Debug, Default)]
pub(super) struct RawChunk {
    pub(super) len: u64,
    pub(super) streams: Streams,
}

/// Cuts the layer `target` into chunks, which `covers` of `base` make.
pub(super) struct Splitter<'a> {
    base: &'a Base<'a>,
    target: &'a [u8],
    covers: &'a [Cover],
    /// How much of the target is done.
    at: u64,
    /// A chunk makes so many bytes at most.
    target_bytes: u64,
}

impl<'a> Splitter<'a> {
    /// `covers` are in order and do not overlap.
    pub(super) fn new(base: &'a Base<'a>, target: &'a [u8], covers: &'a [Cover]) -> Self {
        Splitter { base, target, covers, at: 0, target_bytes: TARGET_BYTES }
    }

    /// The same with chunks of about `target_bytes`.
    #[cfg(test)]
    pub(super) fn every(self, target_bytes: u64) -> Self {
        Splitter { target_bytes, ..self }
    }
}

impl Iterator for Splitter<'_> {
    type Item = RawChunk;

    fn next(&mut self) -> Option<RawChunk> {
        let len = self.target.len() as u64;
        if self.at == len {
            return None;
        }
        let mut filling = Filling::default();
        let start = self.at;
        while self.at < len && !filling.is_full() && self.at - start < self.target_bytes {
            while self.covers.first().is_some_and(|cover| cover.end() <= self.at) {
                self.covers = &self.covers[1..];
            }
            let next = self.covers.first().filter(|cover| cover.start <= self.at);
            let end = match next {
                Some(cover) => cover.end(),
                None => self.covers.first().map_or(len, |cover| cover.start),
            };
            let end = end.min(self.at + PIECE_BYTES).min(start + self.target_bytes);
            let bytes = &self.target[self.at as usize..end as usize];
            match next {
                Some(cover) => {
                    let offset = cover.offset + (self.at - cover.start);
                    filling.cover(self.base, offset, self.at, bytes);
                }
                None => filling.literal(bytes),
            }
            self.at = end;
        }
        Some(filling.finish(self.at - start))
    }
}

/// A chunk in the making.
#[derive(Default)]
struct Filling {
    streams: Streams,
    /// Literals since the last cover.
    literal: u64,
    /// The cover that may go on.
    open: Option<(u64, i64)>,
    /// The displacement of the last cover that is written.
    displacement: i64,
    /// Unchanged bytes of covers since the last change.
    gap: u64,
}

impl Filling {
    fn is_full(&self) -> bool {
        self.streams.len() >= RAW_BYTES
    }

    fn literal(&mut self, bytes: &[u8]) {
        self.close();
        self.literal += bytes.len() as u64;
        self.streams.of_mut(StreamKind::Literals).extend_from_slice(bytes);
    }

    /// `bytes`, which are at `at` of the target, come from `offset` of the base.
    fn cover(&mut self, base: &Base<'_>, offset: u64, at: u64, bytes: &[u8]) {
        let displacement = offset as i64 - at as i64;
        match &mut self.open {
            Some((len, open)) if *open == displacement => *len += bytes.len() as u64,
            _ => {
                self.close();
                push(self.streams.of_mut(StreamKind::LiteralLengths), self.literal);
                self.literal = 0;
                let change = displacement.wrapping_sub(self.displacement);
                push(self.streams.of_mut(StreamKind::Displacements), folded(change));
                self.displacement = displacement;
                self.open = Some((bytes.len() as u64, displacement));
            }
        }
        let mut rest = bytes;
        let pieces = base.pieces(offset, bytes.len() as u64).into_iter().flatten();
        for old in pieces {
            let (new, after) = rest.split_at(old.len());
            rest = after;
            self.changes(new, old);
        }
    }

    fn changes(&mut self, new: &[u8], old: &[u8]) {
        for (new, old) in new.iter().zip(old) {
            if new == old {
                self.gap += 1;
                continue;
            }
            push(self.streams.of_mut(StreamKind::Gaps), self.gap);
            self.streams.of_mut(StreamKind::Changes).push(new.wrapping_sub(*old));
            self.gap = 0;
        }
    }

    fn close(&mut self) {
        if let Some((len, _)) = self.open.take() {
            push(self.streams.of_mut(StreamKind::CoverLengths), len);
        }
    }

    fn finish(mut self, len: u64) -> RawChunk {
        self.close();
        RawChunk { len, streams: self.streams }
    }
}
