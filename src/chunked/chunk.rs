//! Rebuilding a chunk: streams and base in, bytes of the layer out.

use std::io::Write;
use std::ops::Range;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::ChunkError;
use super::coding::decode;
use super::format::CHUNK_COVERS;
use super::index::{ChunkEntry, StreamEntry};
use super::opened::{OpenedBase, read_members, read_stretches};
use super::pack::Packing;
use super::programs::read_programs;
use super::streams::{StreamKind, Streams};
use super::walk::{Plan, Visitor, walk};
use crate::delta::{BaseBytes, Cover};
use crate::leb128::{take, unfolded};
use crate::references::{Program, Reference, to_relative};

/// What a chunk is made of. All its bytes are one or the other; packed members count by what is in them that is new.
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
    let mut streams = decode_all(entry, coded)?;
    let plan = plan(entry, &streams, base.size())?;
    let base = OpenedBase::new(base, &plan.stretches)?;
    let mut literals = std::mem::take(streams.of_mut(StreamKind::Literals));
    let mut rebuild = Rebuild {
        literals: &mut literals,
        changes: Changes::new(&streams)?,
        corrections: Corrections::new(&streams)?,
        out: Packing::new(out, &plan.members, entry.start, entry.len),
    };
    walk(&plan, &base, &mut rebuild)?;
    rebuild.end()?;
    let covered: u64 = plan.covers.iter().map(|cover| cover.len).sum();
    let literal_bytes = (plan.range.end - plan.range.start - covered).min(entry.len);
    Ok(ChunkStats {
        covers: plan.covers.len() as u64,
        cover_bytes: entry.len - literal_bytes,
        changed_bytes: streams.of(StreamKind::Changes).len() as u64,
        literals: plan.literals(),
        literal_bytes,
    })
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

/// Reads where the covers of the chunk `entry` are, of a base stream of `base_len` bytes, and which programs there are.
fn plan(entry: &ChunkEntry, streams: &Streams, base_len: u64) -> Result<Plan, ChunkError> {
    let members = read_members(streams.of(StreamKind::Members), entry.start, entry.len);
    let (plain_len, members) = members.ok_or(ChunkError::Members)?;
    let opened = streams.of(StreamKind::OpenedBase);
    let stretches = read_stretches(opened, base_len, streams.len() as u64, entry.len);
    let stretches = stretches.ok_or(ChunkError::Stretches)?;
    let base_len = base_len + stretches.iter().map(|stretch| stretch.len).sum::<u64>();
    let mut literal_lengths = Numbers::new(StreamKind::LiteralLengths, streams);
    let mut cover_lengths = Numbers::new(StreamKind::CoverLengths, streams);
    let mut displacements = Numbers::new(StreamKind::Displacements, streams);
    let (mut covers, mut at, mut displacement) = (Vec::new(), 0u64, 0i64);
    while !cover_lengths.rest.is_empty() {
        if covers.len() == CHUNK_COVERS {
            return Err(ChunkError::TooMany { limit: CHUNK_COVERS });
        }
        let literals = literal_lengths.next()?;
        if literals > plain_len - at {
            return Err(ChunkError::Length { stream: StreamKind::LiteralLengths });
        }
        at += literals;
        let len = cover_lengths.next()?;
        displacement = displacement.wrapping_add(unfolded(displacements.next()?));
        if len == 0 || len > plain_len - at {
            return Err(ChunkError::PastEnd { at });
        }
        let start = entry.start + at;
        let inside = |offset: &u64| offset.checked_add(len).is_some_and(|end| end <= base_len);
        let offset = start.checked_add_signed(displacement).filter(inside);
        let offset = offset.ok_or(ChunkError::OutsideBase { at })?;
        covers.push(Cover { start, len, offset });
        at += len;
    }
    literal_lengths.end()?;
    displacements.end()?;
    let range = entry.start..entry.start + plain_len;
    let programs = read_programs(streams.of(StreamKind::Programs), entry.start);
    let programs = programs.ok_or(ChunkError::Programs)?;
    Ok(Plan { range, covers, programs, members, stretches })
}

/// What is left of the streams on the way through a chunk.
struct Rebuild<'a> {
    literals: &'a mut [u8],
    changes: Changes<'a>,
    corrections: Corrections<'a>,
    out: Packing<'a>,
}

impl Rebuild<'_> {
    fn end(self) -> Result<(), ChunkError> {
        self.changes.end()?;
        self.corrections.end()?;
        if !self.literals.is_empty() {
            return Err(ChunkError::Length { stream: StreamKind::Literals });
        }
        self.out.end()
    }
}

impl Visitor for Rebuild<'_> {
    fn literals(&mut self, range: Range<u64>, program: Option<&Program>) -> Result<(), ChunkError> {
        let bytes = self.literals.split_off_mut(..(range.end - range.start) as usize);
        let bytes = bytes.ok_or(ChunkError::Length { stream: StreamKind::Literals })?;
        if let Some(Program { target, .. }) = program {
            to_relative(bytes, range.start, target);
        }
        self.out.write(bytes)
    }

    fn covered(&mut self, _: u64, bytes: &mut [u8]) -> Result<(), ChunkError> {
        self.changes.make(bytes)
    }

    fn reference(
        &mut self,
        _: u64,
        reference: &Reference,
        predicted: u64,
        field: &mut [u8],
    ) -> Result<u64, ChunkError> {
        let correction = self.corrections.next()?;
        Ok(reference.set(field, predicted.wrapping_add(correction)))
    }

    fn finished(&mut self, bytes: &[u8]) -> Result<(), ChunkError> {
        self.out.write(bytes)
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

    fn next_if_any(&mut self) -> Result<Option<u64>, ChunkError> {
        if self.rest.is_empty() { Ok(None) } else { self.next().map(Some) }
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
        self.next = self.gaps.next_if_any()?;
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

/// What is added to predicted references, one after the other.
struct Corrections<'a> {
    gaps: Numbers<'a>,
    values: Numbers<'a>,
    /// How many references come before the next correction, if there is one.
    next: Option<u64>,
}

impl<'a> Corrections<'a> {
    fn new(streams: &'a Streams) -> Result<Self, ChunkError> {
        let gaps = Numbers::new(StreamKind::ReferenceGaps, streams);
        let values = Numbers::new(StreamKind::Corrections, streams);
        let mut corrections = Corrections { gaps, values, next: None };
        corrections.next = corrections.gaps.next_if_any()?;
        Ok(corrections)
    }

    /// Returns what is added to the next reference.
    fn next(&mut self) -> Result<u64, ChunkError> {
        match &mut self.next {
            None => Ok(0),
            Some(gap) if *gap > 0 => {
                *gap -= 1;
                Ok(0)
            }
            Some(_) => {
                self.next = self.gaps.next_if_any()?;
                Ok(unfolded(self.values.next()?) as u64)
            }
        }
    }

    fn end(&self) -> Result<(), ChunkError> {
        if self.next.is_some() {
            return Err(ChunkError::Length { stream: StreamKind::ReferenceGaps });
        }
        self.values.end()
    }
}
