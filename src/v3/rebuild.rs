//! One layer of a delta, read from its blob: found in its tar, applied, checked.

use std::io::{self, BufReader, BufWriter, Cursor, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use super::LayerError;
use crate::delta::{BaseBytes, Command, CommandStats};
use crate::image::{Compression, DiffId, Image, decompress};
use crate::librsync::{CommandReader, PatchError, patch};
use crate::pack::Hashed;
use crate::pack::layer_tar::{Start, read_start};
use crate::progress::{Progress, Reported, Stage};

/// Enough of a blob to tell how it is compressed.
const MAGIC_BYTES: u64 = 10;
const BUFFER_BYTES: usize = 64 << 10;
/// What may follow the delta in its blob: padding, and entries that nobody reads. They are unpacked
/// only to see the whole blob, and this bounds the time that a bomb can take.
const MAX_TRAILING_BYTES: u64 = 64 << 20;

/// What a layer's blob holds.
pub(super) enum Content<'a> {
    /// A delta.
    Delta(DeltaStream<'a>),
    /// Nothing: balena-engine's sign that the target shares this layer with the base.
    Nothing,
}

/// A delta in its blob.
pub(super) struct DeltaStream<'a> {
    tar: BufReader<Box<dyn Read + Send + 'a>>,
    len: u64,
}

/// Opens a layer's blob.
pub(super) fn open<'a>(mut blob: impl Read + Send + 'a) -> Result<Content<'a>, LayerError> {
    let mut start = Vec::new();
    blob.by_ref().take(MAGIC_BYTES).read_to_end(&mut start).map_err(LayerError::of_read)?;
    if Compression::of(&start) == Compression::Zstd {
        return Err(LayerError::Zstd);
    }
    let tar = decompress(Cursor::new(start).chain(blob)).map_err(LayerError::of_read)?;
    let mut tar = BufReader::with_capacity(BUFFER_BYTES, tar);
    match read_start(&mut tar).map_err(LayerError::of_read)? {
        Start::File(len) => Ok(Content::Delta(DeltaStream { tar, len })),
        Start::Empty => {
            drain(tar)?;
            Ok(Content::Nothing)
        }
        Start::Other(kind) => Err(LayerError::NotAFile(kind)),
        Start::NotTar => Err(LayerError::NotTar),
    }
}

impl DeltaStream<'_> {
    /// Applies the delta to `base` and reads the blob to its end, where its digest is checked.
    pub(super) fn patch(
        mut self,
        base: &dyn BaseBytes,
        out: &mut impl Write,
        limit: u64,
    ) -> Result<CommandStats, LayerError> {
        let delta = self.tar.by_ref().take(self.len);
        let stats = patch(base, delta, out, limit).map_err(LayerError::of_patch)?;
        self.finish()?;
        Ok(stats)
    }

    /// Counts the delta's commands, without a base. They may make `limit` bytes.
    /// `note` is told each.
    pub(super) fn count(
        mut self,
        limit: u64,
        note: impl FnMut(&Command),
    ) -> Result<CommandStats, LayerError> {
        let stats = count_commands(self.tar.by_ref().take(self.len), limit, note)?;
        self.finish()?;
        Ok(stats)
    }

    fn finish(self) -> Result<(), LayerError> {
        drain(self.tar)
    }
}

fn count_commands(
    delta: impl Read,
    limit: u64,
    mut note: impl FnMut(&Command),
) -> Result<CommandStats, LayerError> {
    let refuse = |command, position, source| {
        LayerError::of_patch(PatchError::Stream { command, position, source })
    };
    let mut reader = CommandReader::new(delta).map_err(|source| refuse(0, 0, source))?;
    let mut stats = CommandStats::default();
    loop {
        let number = reader.commands() + 1;
        let next =
            reader.next_command().map_err(|source| refuse(number, reader.position(), source))?;
        let Some(command) = next else { return Ok(stats) };
        stats.add(&command);
        if stats.target_bytes() > limit {
            let (command, position) = (number, reader.position());
            return Err(LayerError::Patch(PatchError::TooLarge { command, position, limit }));
        }
        note(&command);
        // Here and not with the next command, which is not the one to blame.
        reader.skip_literal().map_err(|source| refuse(number, reader.position(), source))?;
    }
}

/// Reads `tar` to its end, so that whoever checks the blob behind it has seen all of it.
fn drain(tar: impl Read) -> Result<(), LayerError> {
    let limit = MAX_TRAILING_BYTES;
    let len = io::copy(&mut tar.take(limit + 1), &mut io::sink()).map_err(LayerError::of_read)?;
    if len > limit { Err(LayerError::TooLong { limit }) } else { Ok(()) }
}

/// Rebuilds a layer from its delta's `blob` into `out`: at most `limit` bytes. `shared` is the base's
/// layer, if it is the same one. Says what the layer is made of and hashes to.
pub(super) fn rebuild<'a, W: Write>(
    blob: impl Read + Send + 'a,
    base: &dyn BaseBytes,
    shared: Option<&dyn BaseBytes>,
    out: W,
    limit: u64,
) -> Result<RebuiltLayer, LayerError> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, Hashed::new(out));
    let stats = match (open(blob)?, shared) {
        (Content::Delta(delta), _) => delta.patch(base, &mut out, limit)?,
        (Content::Nothing, Some(layer)) => {
            layer.copy(0, layer.size(), &mut out).map_err(LayerError::of_base)?;
            // As if it were one COPY of the layer.
            [Command::Copy { offset: 0, len: layer.size() }].iter().collect()
        }
        (Content::Nothing, None) => return Err(LayerError::Empty),
    };
    let hashed = out.into_inner().map_err(|error| LayerError::of_write(error.into_error()))?;
    let (_, id) = hashed.finish();
    Ok(RebuiltLayer { diff_id: DiffId(id.digest), stats })
}

/// A layer that has been rebuilt.
pub(super) struct RebuiltLayer {
    pub(super) diff_id: DiffId,
    pub(super) stats: CommandStats,
}

/// Tells that all blobs of `delta` will be read.
pub(super) fn expect_blobs(delta: &Image, progress: &dyn Progress) {
    progress.expect(Stage::Fetch, delta.stored_bytes());
}

/// The blob of layer number `index` of `delta`, which [`expect_blobs`] has told of. Adds the bytes that are read of it to `bytes`.
pub(super) fn open_blob<'a>(
    delta: &Image,
    index: usize,
    bytes: &'a AtomicU64,
    progress: &'a dyn Progress,
) -> Result<impl Read + Send + 'a, LayerError> {
    let blob = delta.open_layer(index).map_err(|error| LayerError::Read(Box::new(error)))?;
    Ok(Reported::new(Counted { blob, bytes }, Stage::Fetch, progress))
}

struct Counted<'a> {
    blob: Box<dyn Read + Send>,
    bytes: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.blob.read(buffer)?;
        self.bytes.fetch_add(len as u64, Ordering::Relaxed);
        Ok(len)
    }
}
