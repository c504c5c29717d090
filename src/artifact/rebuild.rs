//! Rebuilding a layer from its blob.

use std::io::{self, BufWriter, Read, Write};

use super::part::Part;
use super::{ArtifactDelta, ArtifactError, LayerDeltaError, OldTree};
use crate::chunked::{ChunkError, ChunkStats, Index, IndexError, rebuild_chunk};
use crate::delta::{BaseBytes, CommandStats};
use crate::image::{DiffId, Excess, ImageError, decompress};
use crate::pack::Hashed;
use crate::tar_diff::{TarDiffError, apply_tar_diff};
use crate::{Cause, ErrorKind};

/// Bytes are hashed and written in pieces of so many.
const BUFFER_BYTES: usize = 64 << 10;

/// The base, as dialects take from it.
#[derive(Clone, Copy)]
pub(crate) struct OldBytes<'a> {
    /// The layers' tars, one after the other.
    pub(crate) stream: &'a dyn BaseBytes,
    /// The files, if the dialect takes from files.
    pub(crate) tree: Option<&'a OldTree<'a>>,
}

impl ArtifactDelta {
    /// Rebuilds layer number `index` of the target from its `blob` into `out`: at most `limit` bytes. Says what was made, and
    /// nothing of the diff ID. Takes at most 64 MiB of memory, 128 MiB more for an oci-delta of that large a window.
    ///
    /// # Errors
    /// If the blob is of no use, or does not fit the base.
    pub(crate) fn rebuild(
        &self,
        index: usize,
        blob: impl Read + Send,
        base: OldBytes<'_>,
        out: impl Write,
        limit: u64,
    ) -> Result<(DiffId, CommandStats), ArtifactError> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, Hashed::new(out));
        let stats = match (self.parts[index], base.tree) {
            (Part::Whole, _) => whole(blob, &mut out, limit),
            (_, Some(tree)) => tar_diff(blob, tree, &mut out, limit),
            (_, None) => layer_delta(blob, base.stream, &mut out, limit),
        };
        let stats = stats.map_err(ArtifactError::layer(index))?;
        let hashed =
            out.into_inner().map_err(|error| LayerDeltaError::of_write(error.into_error()));
        let (_, id) = hashed.map_err(ArtifactError::layer(index))?.finish();
        Ok((DiffId(id.digest), stats))
    }
}

/// Unpacks a layer's own blob.
fn whole(
    blob: impl Read + Send,
    out: &mut dyn Write,
    limit: u64,
) -> Result<CommandStats, LayerDeltaError> {
    let layer = decompress(blob).map_err(LayerDeltaError::of_read)?;
    let mut layer = layer.take(limit.saturating_add(1));
    let mut piece = vec![0; BUFFER_BYTES];
    let mut made = 0;
    loop {
        let len = layer.read(&mut piece).map_err(LayerDeltaError::of_read)?;
        made += len as u64;
        if made > limit {
            return Err(LayerDeltaError::TooLarge(Excess::Layer(limit)));
        }
        if len == 0 {
            return Ok(stats(0, 0, u64::from(made > 0), made));
        }
        out.write_all(&piece[..len]).map_err(LayerDeltaError::of_write)?;
    }
}

fn stats(copies: u64, copy_bytes: u64, literals: u64, literal_bytes: u64) -> CommandStats {
    CommandStats { copies, literals, copy_bytes, literal_bytes }
}

/// Applies a layer delta of Remora's own dialect.
pub(super) fn layer_delta(
    mut blob: impl Read,
    base: &dyn BaseBytes,
    out: &mut dyn Write,
    limit: u64,
) -> Result<CommandStats, LayerDeltaError> {
    let index = read_index(&mut blob, limit)?;
    if index.base_len != base.size() {
        let (expected, actual) = (index.base_len, base.size());
        return Err(LayerDeltaError::OtherBase { expected, actual });
    }
    let (mut all, mut coded) = (CommandStats::default(), Vec::new());
    for (number, entry) in index.chunks.iter().enumerate() {
        let here = |source| of_chunk(number, index.chunks.len(), source);
        coded.clear();
        let read = blob.by_ref().take(entry.coded_len()).read_to_end(&mut coded);
        read.map_err(LayerDeltaError::of_read)?;
        let ChunkStats { covers, cover_bytes, literals, literal_bytes, .. } =
            rebuild_chunk(entry, &coded, base, out).map_err(here)?;
        all += stats(covers, cover_bytes, literals, literal_bytes);
    }
    // At its end, a blob that is another than its digest says refuses.
    match blob.read(&mut [0]).map_err(LayerDeltaError::of_read)? {
        0 => Ok(all),
        _ => Err(LayerDeltaError::TooLong),
    }
}

pub(super) fn read_index(blob: &mut impl Read, limit: u64) -> Result<Index, LayerDeltaError> {
    Index::read(blob, limit).map_err(|error| match error {
        IndexError::Read(error) => LayerDeltaError::of_read(error),
        error => error.into(),
    })
}

fn of_chunk(number: usize, chunks: usize, source: ChunkError) -> LayerDeltaError {
    match source {
        ChunkError::Output(error) => LayerDeltaError::of_write(error),
        source => LayerDeltaError::Chunk { chunk: number + 1, chunks, source },
    }
}

/// Applies a stream of oci-delta.
pub(super) fn tar_diff(
    blob: impl Read,
    tree: &OldTree<'_>,
    out: &mut dyn Write,
    limit: u64,
) -> Result<CommandStats, LayerDeltaError> {
    let done = apply_tar_diff(blob, tree, out, limit).map_err(of_tar_diff)?;
    let old = done.copy_bytes + done.add_bytes;
    Ok(stats(done.copies, old, done.literals, done.data_bytes))
}

/// A network or disk that fails says so through the reader: that, and not the operation where the stream broke off, is the
/// cause.
fn of_tar_diff(error: TarDiffError) -> LayerDeltaError {
    match error {
        TarDiffError::Output(error) => LayerDeltaError::of_write(error),
        TarDiffError::Damaged { source, .. } if is_outside(&source) => {
            LayerDeltaError::of_read(source)
        }
        error => LayerDeltaError::TarDiff(error),
    }
}

fn is_outside(error: &io::Error) -> bool {
    let inner = error.get_ref();
    error.raw_os_error().is_some()
        || inner.is_some_and(|inner| inner.is::<crate::progress::Cancelled>())
        || inner.and_then(|inner| inner.downcast_ref::<ImageError>()).is_some_and(|error| {
            error.kind() == ErrorKind::Environment || error.cause() == Cause::DamagedBlob
        })
}
