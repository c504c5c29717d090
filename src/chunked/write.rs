//! Writing a layer delta.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::coding::{Coder, nearly_packed_len, packed_len};
use super::fill::{fill, paying};
use super::format::DIGEST_BYTES;
use super::index::{ChunkEntry, Index, StreamEntry};
use super::split::Splitter;
use super::streams::{StreamKind, Streams};
use crate::delta::{Base, Cover, CoverPrices, Opening, OpeningCosts, Options, programs};

/// What covers, changes and literals cost in a layer delta: measured on the pairs that `docs/encoder.md` names.
pub const PRICES: CoverPrices = CoverPrices {
    far: 36.0,
    other_slice: 0.0,
    near: 14.0,
    literal: 6.0,
    first_change: 8.0,
    next_change: 6.0,
    end_of_change: 0.8,
    literal_byte: 4.0,
    packed_len,
};

/// Writes the layer delta that makes `target` from `base` by `covers`, which are in order and do not overlap, and where members are
/// open by what `opening` has, into `out`, as `options` say. Chunks are kept in `spill`, which is empty, until the index in front of them is known. The same bytes
/// from any number of threads.
///
/// # Errors
/// If the system does not give the memory for a coder, or `spill` or `out` fails.
pub fn write_layer_delta(
    base: &Base<'_>,
    target: &[u8],
    covers: &[Cover],
    opening: &Opening,
    options: &Options,
    spill: &mut (impl Read + Write + Seek),
    out: &mut impl Write,
) -> io::Result<Index> {
    let programs = paying(base, target, covers, programs(base, target, covers));
    let coder = Coder::new(options);
    let parts = Splitter::new(base, target, covers, &programs, opening, &coder);
    write_chunks(base, target, parts, &coder, spill, out)
}

pub(super) fn write_chunks(
    base: &Base<'_>,
    target: &[u8],
    parts: Splitter<'_>,
    coder: &Coder,
    spill: &mut (impl Read + Write + Seek),
    out: &mut impl Write,
) -> io::Result<Index> {
    let mut chunks = Vec::new();
    // One after the other, because a coder takes twelve times a stream's bytes.
    for part in parts {
        let len = part.real.end - part.real.start;
        let streams = fill(base, target, part).map_err(io::Error::other)?;
        let (entry, blob) = code(len, &streams, coder)?;
        chunks.push(entry);
        spill.write_all(&blob)?;
    }
    let target_len = chunks.iter().map(|chunk: &ChunkEntry| chunk.len).sum();
    let index = Index { target_len, base_len: base.len(), chunks };
    let head = index.write();
    out.write_all(&head)?;
    spill.seek(SeekFrom::Start(0))?;
    io::copy(spill, out)?;
    Ok(index.placed(head.len() as u64))
}

/// Returns about how many bytes the stretch `range` of `target` takes by `covers` in a layer delta, and how many if the members of
/// `opening` are open in it.
pub fn opening_cost(
    base: &Base<'_>,
    target: &[u8],
    covers: &[Cover],
    opening: &Opening,
    range: Range<u64>,
) -> OpeningCosts {
    let coder = Coder::new(&Options::default());
    let cost = |opening: &Opening| -> u64 {
        let parts = Splitter::new(base, target, covers, &[], opening, &coder);
        let packed = |part| {
            let Ok(streams) = fill(base, target, part) else { return u64::MAX / 2 };
            StreamKind::ALL.map(|kind| nearly_packed_len(streams.of(kind)) as u64).iter().sum()
        };
        parts.within(range.clone()).map(packed).fold(0, u64::saturating_add)
    };
    OpeningCosts { packed: cost(&Opening::default()), open: cost(opening) }
}

/// The kinds of `streams` in their order, as many together as have `most` bytes.
fn side_by_side(streams: &Streams, most: u64) -> impl Iterator<Item = &'static [StreamKind]> {
    let mut rest = &StreamKind::ALL[..];
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |kind: &&StreamKind| {
            bytes += streams.of(**kind).len() as u64;
            bytes <= most
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let some = rest.split_off(..count)?;
        (!some.is_empty()).then_some(some)
    })
}

/// Codes the `streams` of a chunk that makes `len` bytes.
pub(super) fn code(
    len: u64,
    streams: &Streams,
    coder: &Coder,
) -> io::Result<(ChunkEntry, Vec<u8>)> {
    let mut coded = Vec::with_capacity(StreamKind::ALL.len());
    for kinds in side_by_side(streams, coder.side_by_side_bytes()) {
        let some: io::Result<Vec<_>> =
            kinds.par_iter().map(|&kind| coder.encode(kind, streams.of(kind))).collect();
        coded.extend(some?);
    }
    let entries = std::array::from_fn(|kind| {
        let (coding, bytes) = &coded[kind];
        let raw = streams.of(StreamKind::ALL[kind]).len();
        StreamEntry { coding: *coding, raw, coded: bytes.len() }
    });
    let blob = coded.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>().concat();
    let digest: [u8; DIGEST_BYTES] = Sha256::digest(&blob).into();
    Ok((ChunkEntry { start: 0, len, offset: 0, digest, streams: entries }, blob))
}
