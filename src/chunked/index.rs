//! The index of a layer delta: what chunks there are, where, and how each stream is coded.

use std::io::Read;

use super::IndexError;
use super::coding::Coding;
use super::format::{
    CHUNK_RAW_BYTES, CHUNK_TARGET_BYTES, DIGEST_BYTES, INDEX_BYTES, LZMA, MAGIC, OPEN_VERSION,
    PLAIN_VERSION, PROGRAMS_BYTES, STORED, ZSTD,
};
use super::streams::{KINDS, StreamKind};
use crate::leb128::{self, push, take};

/// A stream of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamEntry {
    pub(super) coding: Coding,
    /// How many bytes it has before it is coded.
    pub(super) raw: usize,
    /// How many bytes it has in the chunk.
    pub(super) coded: usize,
}

/// A chunk of a layer delta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkEntry {
    /// Where in the layer its bytes go.
    pub start: u64,
    /// How many bytes of the layer it makes.
    pub len: u64,
    /// Where in the layer delta it starts, in bytes.
    pub offset: u64,
    /// The SHA-256 of its bytes as they are in the layer delta.
    pub digest: [u8; DIGEST_BYTES],
    pub(super) streams: [StreamEntry; KINDS],
}

impl ChunkEntry {
    /// Returns how many bytes it has in the layer delta.
    pub fn coded_len(&self) -> u64 {
        self.streams.iter().map(|stream| stream.coded as u64).sum()
    }

    /// Returns how many bytes its stream of `kind` has before and after coding.
    pub fn stream(&self, kind: StreamKind) -> (u64, u64) {
        let StreamEntry { raw, coded, .. } = self.streams[kind as usize];
        (raw as u64, coded as u64)
    }
}

/// The index of a layer delta.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Index {
    /// The length of the layer that it makes, in bytes.
    pub target_len: u64,
    /// The length of the base stream that it is for, in bytes.
    pub base_len: u64,
    /// The chunks, in the order of the layer, which they make without gaps.
    pub chunks: Vec<ChunkEntry>,
}

impl Index {
    /// Reads the index that `delta` begins with: nothing behind it is taken.
    ///
    /// # Errors
    /// If there is none, it contradicts itself, or the layer has more than `most_bytes`.
    pub fn read(delta: &mut impl Read, most_bytes: u64) -> Result<Self, IndexError> {
        let mut magic = Vec::new();
        let some = delta.by_ref().take(MAGIC.len() as u64 + 1).read_to_end(&mut magic);
        some.map_err(IndexError::Read)?;
        let version = magic.strip_prefix(&MAGIC).and_then(|version| version.first()).copied();
        let version = version.filter(|version| (PLAIN_VERSION..=OPEN_VERSION).contains(version));
        let Some(version) = version else { return Err(IndexError::Magic { found: magic }) };
        let (len, len_bytes) = index_len(delta)?;
        let mut bytes = Vec::new();
        delta.by_ref().take(len).read_to_end(&mut bytes).map_err(IndexError::Read)?;
        if (bytes.len() as u64) < len {
            return Err(IndexError::Damaged { at: bytes.len() });
        }
        let origin = (magic.len() + len_bytes) as u64 + len;
        let parser = Parser { version, all: bytes.len(), rest: &bytes };
        parser.index(origin, most_bytes)
    }

    /// Returns it with places worked out, if the first chunk begins at `origin` of the layer delta.
    pub(super) fn placed(mut self, origin: u64) -> Self {
        let (mut start, mut offset) = (0, origin);
        for chunk in &mut self.chunks {
            (chunk.start, chunk.offset) = (start, offset);
            start += chunk.len;
            offset += chunk.coded_len();
        }
        self
    }

    /// Returns the bytes that a layer delta of this index begins with. What it says of places and starts is worked out
    /// again by the reader.
    pub(super) fn write(&self) -> Vec<u8> {
        let opens = |chunk: &ChunkEntry| chunk.streams[StreamKind::Members as usize].raw > 0;
        let version = if self.chunks.iter().any(opens) { OPEN_VERSION } else { PLAIN_VERSION };
        let mut index = Vec::new();
        push(&mut index, self.target_len);
        push(&mut index, self.base_len);
        push(&mut index, self.chunks.len() as u64);
        for chunk in &self.chunks {
            push(&mut index, chunk.len);
            index.extend_from_slice(&chunk.digest);
            let told =
                StreamKind::ALL.into_iter().filter(|kind| is_told(*kind, &chunk.streams, version));
            told.for_each(|kind| write_stream(&mut index, &chunk.streams[kind as usize]));
        }
        let mut bytes = [&MAGIC[..], &[version]].concat();
        push(&mut bytes, index.len() as u64);
        bytes.extend_from_slice(&index);
        bytes
    }
}

/// Whether an index of `version` says anything of the stream `kind` of a chunk with these `streams`, those before it: without programs,
/// nothing of their references; without members, nothing of what is opened for them.
fn is_told(kind: StreamKind, streams: &[StreamEntry; KINDS], version: u8) -> bool {
    let has = |kind: StreamKind| streams[kind as usize].raw > 0;
    match kind {
        StreamKind::ReferenceGaps | StreamKind::Corrections => has(StreamKind::Programs),
        StreamKind::Members => version >= OPEN_VERSION,
        StreamKind::OpenedBase => version >= OPEN_VERSION && has(StreamKind::Members),
        _ => true,
    }
}

fn write_stream(index: &mut Vec<u8>, stream: &StreamEntry) {
    push(index, stream.raw as u64);
    if stream.raw == 0 {
        return;
    }
    index.push(stream.coding.number());
    if let Coding::Lzma(properties) = stream.coding {
        index.push(properties);
    }
    if stream.coding != Coding::Stored {
        push(index, stream.coded as u64);
    }
}

/// The length of the index, and how many bytes say so.
fn index_len(delta: &mut impl Read) -> Result<(u64, usize), IndexError> {
    let said = leb128::read(delta).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => IndexError::Damaged { at: 0 },
        _ => IndexError::Read(error),
    })?;
    let (len, bytes) = said.ok_or(IndexError::Damaged { at: 0 })?;
    if len > INDEX_BYTES {
        return Err(IndexError::Senseless { reason: "it is longer than any may be" });
    }
    Ok((len, bytes))
}

struct Parser<'a> {
    version: u8,
    all: usize,
    rest: &'a [u8],
}

impl Parser<'_> {
    fn damaged(&self) -> IndexError {
        IndexError::Damaged { at: self.all - self.rest.len() }
    }

    fn number(&mut self) -> Result<u64, IndexError> {
        take(&mut self.rest).ok_or_else(|| self.damaged())
    }

    fn bytes<const LEN: usize>(&mut self) -> Result<[u8; LEN], IndexError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.damaged())?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn index(mut self, origin: u64, most_bytes: u64) -> Result<Index, IndexError> {
        let senseless = |reason| Err(IndexError::Senseless { reason });
        let (target_len, base_len, count) = (self.number()?, self.number()?, self.number()?);
        if target_len > most_bytes {
            return Err(IndexError::TooLarge { bytes: target_len, limit: most_bytes });
        }
        let (mut chunks, mut start, mut offset) = (Vec::new(), 0u64, origin);
        for _ in 0..count {
            let chunk = self.chunk(start, offset)?;
            start += chunk.len;
            if start > target_len {
                return senseless("its chunks make more than the layer has");
            }
            offset = offset.saturating_add(chunk.coded_len());
            chunks.push(chunk);
        }
        if start != target_len {
            return senseless("its chunks make less than the layer has");
        }
        if !self.rest.is_empty() {
            return Err(self.damaged());
        }
        Ok(Index { target_len, base_len, chunks })
    }

    fn chunk(&mut self, start: u64, offset: u64) -> Result<ChunkEntry, IndexError> {
        let senseless = |reason| Err(IndexError::Senseless { reason });
        let len = self.number()?;
        if len == 0 || len > CHUNK_TARGET_BYTES {
            return senseless("a chunk makes nothing, or more than any may");
        }
        let digest = self.bytes()?;
        let nothing = StreamEntry { coding: Coding::Stored, raw: 0, coded: 0 };
        let (mut streams, mut raw) = ([nothing; KINDS], 0u64);
        for kind in StreamKind::ALL {
            if !is_told(kind, &streams, self.version) {
                continue;
            }
            let stream = self.stream()?;
            streams[kind as usize] = stream;
            raw = raw.saturating_add(stream.raw as u64);
            if raw > CHUNK_RAW_BYTES {
                return senseless("the streams of a chunk have more bytes than they may");
            }
            if kind == StreamKind::Programs && stream.raw as u64 > PROGRAMS_BYTES {
                return senseless("the programs of a chunk have more bytes than they may");
            }
        }
        Ok(ChunkEntry { start, len, offset, digest, streams })
    }

    fn stream(&mut self) -> Result<StreamEntry, IndexError> {
        let senseless = |reason| Err(IndexError::Senseless { reason });
        let raw = self.number()?;
        if raw > CHUNK_RAW_BYTES {
            return senseless("the streams of a chunk have more bytes than they may");
        }
        let raw = raw as usize;
        if raw == 0 {
            return Ok(StreamEntry { coding: Coding::Stored, raw, coded: 0 });
        }
        let [coding] = self.bytes()?;
        let coding = match coding {
            STORED => return Ok(StreamEntry { coding: Coding::Stored, raw, coded: raw }),
            LZMA => Coding::Lzma(self.bytes::<1>()?[0]),
            ZSTD => Coding::Zstd,
            _ => return senseless("a stream is coded in a way that this version does not know"),
        };
        let coded = self.number()?;
        if coded == 0 || coded >= raw as u64 {
            return senseless("a coded stream is not smaller than the stream itself");
        }
        Ok(StreamEntry { coding, raw, coded: coded as usize })
    }
}
