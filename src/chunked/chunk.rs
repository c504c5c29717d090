//! Rebuilding a chunk: streams and base in, bytes of the layer out.

use std::io::Write;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::ChunkError;
use super::coding::decode;
use super::index::{ChunkEntry, StreamEntry};
use super::streams::{StreamKind, Streams};
use crate::delta::{BaseBytes, BaseError};
use crate::leb128::{take, unfolded};

/// So many bytes of the base are changed and written at a time.
const PIECE_BYTES: u64 = 64 << 10;

/// What a chunk is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkStats {
    /// Stretches that come from the base.
    pub covers: u64,
    /// Their bytes.
    pub cover_bytes: u64,
    /// Those of them that are changed.
    pub changed_bytes: u64,
    /// Stretches that the delta brings.
    pub literals: u64,
    /// Their bytes.
    pub literal_bytes: u64,
}

/// Rebuilds the chunk `entry`, whose bytes in the layer delta are `coded`, from `base` into `out`. Takes twice the memory
/// of the chunk's streams.
///
/// # Errors
/// If `coded` is not what the index says, or does not fit to the base; what was written by then is of no use.
pub fn rebuild_chunk(
    entry: &ChunkEntry,
    coded: &[u8],
    base: &dyn BaseBytes,
    out: &mut dyn Write,
) -> Result<ChunkStats, ChunkError> {
    let digest: [u8; 32] = Sha256::digest(coded).into();
    if coded.len() as u64 != entry.coded_len() || digest != entry.digest {
        return Err(ChunkError::Digest);
    }
    let streams = decode_all(entry, coded)?;
    let mut rebuild = Rebuild { start: entry.start, len: entry.len, base, out, piece: Vec::new() };
    rebuild.run(&streams)
}

fn decode_all(entry: &ChunkEntry, coded: &[u8]) -> Result<Streams, ChunkError> {
    let mut rest = coded;
    let parts = StreamKind::ALL.map(|kind| {
        let (own, others) = rest.split_at(entry.streams[kind as usize].coded);
        rest = others;
        (kind, own)
    });
    let decode_one = |&(kind, own): &(StreamKind, &[u8])| {
        let StreamEntry { coding, raw, .. } = entry.streams[kind as usize];
        decode(coding, own, raw).ok_or(ChunkError::Coding { stream: kind })
    };
    let decoded: Vec<Result<Vec<u8>, ChunkError>> = parts.par_iter().map(decode_one).collect();
    let mut streams = Streams::default();
    for (kind, bytes) in StreamKind::ALL.into_iter().zip(decoded) {
        *streams.of_mut(kind) = bytes?;
    }
    Ok(streams)
}

struct Rebuild<'a> {
    /// Where in the layer the chunk starts.
    start: u64,
    len: u64,
    base: &'a dyn BaseBytes,
    out: &'a mut dyn Write,
    piece: Vec<u8>,
}

impl Rebuild<'_> {
    fn run(&mut self, streams: &Streams) -> Result<ChunkStats, ChunkError> {
        let mut stats = ChunkStats::default();
        let mut literals = streams.of(StreamKind::Literals);
        let mut literal_lengths = Numbers::new(StreamKind::LiteralLengths, streams);
        let mut cover_lengths = Numbers::new(StreamKind::CoverLengths, streams);
        let mut displacements = Numbers::new(StreamKind::Displacements, streams);
        let mut changes = Changes::new(streams)?;
        let (mut at, mut displacement) = (0u64, 0i64);
        while !cover_lengths.rest.is_empty() {
            let before = literal_lengths.next()?;
            stats.literals += u64::from(before > 0);
            at = self.literal(at, before, &mut literals)?;
            let len = cover_lengths.next()?;
            displacement = displacement.wrapping_add(unfolded(displacements.next()?));
            if len == 0 || len > self.len - at {
                return Err(ChunkError::PastEnd { at });
            }
            let offset = self.offset(at, len, displacement)?;
            self.cover(offset, len, &mut changes)?;
            at += len;
            stats.covers += 1;
            stats.cover_bytes += len;
        }
        stats.literal_bytes = streams.of(StreamKind::Literals).len() as u64;
        stats.changed_bytes = streams.of(StreamKind::Changes).len() as u64;
        stats.literals += u64::from(at < self.len);
        self.literal(at, self.len - at, &mut literals)?;
        literal_lengths.end()?;
        displacements.end()?;
        changes.end()?;
        let all_used = literals.is_empty();
        if all_used { Ok(stats) } else { Err(ChunkError::Length { stream: StreamKind::Literals }) }
    }

    /// Writes the next `len` literals. Returns where in the chunk they end.
    fn literal(&mut self, at: u64, len: u64, literals: &mut &[u8]) -> Result<u64, ChunkError> {
        if len > self.len - at {
            return Err(ChunkError::Length { stream: StreamKind::LiteralLengths });
        }
        let bytes = literals.split_off(..len as usize);
        let bytes = bytes.ok_or(ChunkError::Length { stream: StreamKind::Literals })?;
        self.out.write_all(bytes).map_err(ChunkError::Output)?;
        Ok(at + len)
    }

    /// Where in the base the `len` bytes are that belong at `at` of the chunk.
    fn offset(&self, at: u64, len: u64, displacement: i64) -> Result<u64, ChunkError> {
        let offset = (self.start + at).checked_add_signed(displacement);
        let inside =
            |offset: &u64| offset.checked_add(len).is_some_and(|end| end <= self.base.size());
        offset.filter(inside).ok_or(ChunkError::OutsideBase { at })
    }

    fn cover(
        &mut self,
        offset: u64,
        len: u64,
        changes: &mut Changes<'_>,
    ) -> Result<(), ChunkError> {
        let (mut offset, end) = (offset, offset + len);
        while offset < end {
            let len = PIECE_BYTES.min(end - offset);
            self.piece.clear();
            self.base.copy(offset, len, &mut self.piece).map_err(of_base)?;
            changes.make(&mut self.piece)?;
            self.out.write_all(&self.piece).map_err(ChunkError::Output)?;
            offset += len;
        }
        Ok(())
    }
}

fn of_base(error: BaseError) -> ChunkError {
    match error {
        BaseError::Read(error) | BaseError::Write(error) => ChunkError::Base(error),
    }
}

/// A stream of numbers.
struct Numbers<'a> {
    kind: StreamKind,
    rest: &'a [u8],
}

impl<'a> Numbers<'a> {
    fn new(kind: StreamKind, streams: &'a Streams) -> Self {
        Numbers { kind, rest: streams.of(kind) }
    }

    fn next(&mut self) -> Result<u64, ChunkError> {
        take(&mut self.rest).ok_or(ChunkError::Length { stream: self.kind })
    }

    fn end(&self) -> Result<(), ChunkError> {
        let all_used = self.rest.is_empty();
        if all_used { Ok(()) } else { Err(ChunkError::Length { stream: self.kind }) }
    }
}

/// The changed bytes of all covers, one after the other.
struct Changes<'a> {
    gaps: Numbers<'a>,
    values: &'a [u8],
    /// How many bytes of covers come before the next change, if there is one.
    next: Option<u64>,
}

impl<'a> Changes<'a> {
    fn new(streams: &'a Streams) -> Result<Self, ChunkError> {
        let gaps = Numbers::new(StreamKind::Gaps, streams);
        let mut changes = Changes { gaps, values: streams.of(StreamKind::Changes), next: None };
        changes.advance()?;
        Ok(changes)
    }

    fn advance(&mut self) -> Result<(), ChunkError> {
        self.next = match self.gaps.rest {
            [] => None,
            _ => Some(self.gaps.next()?),
        };
        Ok(())
    }

    /// Changes those of `bytes`, the next of the covers, that are to be changed.
    fn make(&mut self, bytes: &mut [u8]) -> Result<(), ChunkError> {
        let mut at = 0u64;
        while let Some(gap) = self.next {
            let left = bytes.len() as u64 - at;
            if gap >= left {
                self.next = Some(gap - left);
                return Ok(());
            }
            at += gap;
            let change = self.values.split_off_first();
            let change = change.ok_or(ChunkError::Length { stream: StreamKind::Changes })?;
            let byte = &mut bytes[at as usize];
            *byte = byte.wrapping_add(*change);
            at += 1;
            self.advance()?;
        }
        Ok(())
    }

    fn end(&self) -> Result<(), ChunkError> {
        if self.next.is_some() {
            return Err(ChunkError::Length { stream: StreamKind::Gaps });
        }
        let all_used = self.values.is_empty();
        if all_used { Ok(()) } else { Err(ChunkError::Length { stream: StreamKind::Changes }) }
    }
}
