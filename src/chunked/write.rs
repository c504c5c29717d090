//! Writing a layer delta.

use std::io::{self, Read, Seek, SeekFrom, Write};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::coding::encode;
use super::format::DIGEST_BYTES;
use super::index::{ChunkEntry, Index, StreamEntry};
use super::split::{RawChunk, Splitter};
use super::streams::StreamKind;
use crate::delta::{Base, Cover, CoverPrices, Effort};

/// What covers, changes and literals cost in a layer delta: measured on the pairs that `docs/encoder.md` names.
pub const PRICES: CoverPrices = CoverPrices {
    far: 36.0,
    near: 14.0,
    literal: 6.0,
    first_change: 8.0,
    next_change: 6.0,
    end_of_change: 0.8,
    literal_byte: 4.0,
    packed_len,
};

/// A compressor that is cheap and near enough to tell what literals cost.
const ESTIMATE_LEVEL: i32 = 1;

fn packed_len(bytes: &[u8]) -> usize {
    zstd::bulk::compress(bytes, ESTIMATE_LEVEL).map_or(bytes.len(), |packed| packed.len())
}

/// Writes the layer delta that makes `target` from `base` by `covers`, which are in order and do not overlap, into
/// `out`. Chunks are kept in `spill`, which is empty, until the index in front of them is known. The same bytes from any
/// number of threads.
///
/// # Errors
/// If the system does not give the memory for a coder, or `spill` or `out` fails.
pub fn write_layer_delta(
    base: &Base<'_>,
    target: &[u8],
    covers: &[Cover],
    effort: Effort,
    spill: &mut (impl Read + Write + Seek),
    out: &mut impl Write,
) -> io::Result<Index> {
    write_chunks(Splitter::new(base, target, covers), base.len(), effort, spill, out)
}

pub(super) fn write_chunks(
    raw: Splitter<'_>,
    base_len: u64,
    effort: Effort,
    spill: &mut (impl Read + Write + Seek),
    out: &mut impl Write,
) -> io::Result<Index> {
    let mut chunks = Vec::new();
    // One after the other: a coder takes ten times a stream's bytes, and the streams of a chunk are coded side by side.
    for chunk in raw {
        let (entry, blob) = code(&chunk, effort)?;
        chunks.push(entry);
        spill.write_all(&blob)?;
    }
    let target_len = chunks.iter().map(|chunk: &ChunkEntry| chunk.len).sum();
    let index = Index { target_len, base_len, chunks };
    let head = index.write();
    out.write_all(&head)?;
    spill.seek(SeekFrom::Start(0))?;
    io::copy(spill, out)?;
    Ok(index.placed(head.len() as u64))
}

fn code(chunk: &RawChunk, effort: Effort) -> io::Result<(ChunkEntry, Vec<u8>)> {
    let coded: io::Result<Vec<_>> = StreamKind::ALL
        .par_iter()
        .map(|&kind| encode(kind, chunk.streams.of(kind), effort))
        .collect();
    let coded = coded?;
    let streams = std::array::from_fn(|kind| {
        let (coding, bytes) = &coded[kind];
        let raw = chunk.streams.of(StreamKind::ALL[kind]).len();
        StreamEntry { coding: *coding, raw, coded: bytes.len() }
    });
    let blob = coded.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>().concat();
    let digest: [u8; DIGEST_BYTES] = Sha256::digest(&blob).into();
    Ok((ChunkEntry { start: 0, len: chunk.len, offset: 0, digest, streams }, blob))
}
