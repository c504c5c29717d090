//! Applying a stream.

use std::io::{self, BufReader, Read, Write};

use super::TarDiffError;
use super::format::{
    ADD, ADD_BYTES, COPY, DATA, FRAME, FRAME_WINDOW_LOG, MAGIC, MAGIC_2, OPEN, PATH_BYTES, SEEK,
    WINDOW_LOG,
};
use super::window::{HEAD_BYTES, window_bytes};
use crate::leb128;

/// The files of the old tree.
pub trait OldFiles {
    /// Returns the content of the regular file at `path`, relative to the root, or `None` if there is none.
    fn content(&self, path: &[u8]) -> Option<&[u8]>;
}

/// What a stream is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TarDiffStats {
    /// Operations of all kinds.
    pub operations: u64,
    /// Of these, those that bring bytes.
    pub literals: u64,
    /// Of these, those that take bytes from files.
    pub copies: u64,
    /// Bytes that the stream brings.
    pub data_bytes: u64,
    /// Bytes that come unchanged from files.
    pub copy_bytes: u64,
    /// Bytes that come from files with something added, or from frames that files are the prefix of.
    pub add_bytes: u64,
}

/// Operations that make nothing, beyond one for each byte of the result, at most this many are taken: a stream of
/// nothing else would never end.
const IDLE_OPERATIONS: u64 = 1 << 16;
/// Bytes are written in pieces of so many.
const PIECE_BYTES: usize = 64 << 10;

/// Applies `delta` to `files` and writes the layer to `out`, at most `limit` bytes of it. Takes memory for the
/// compression's window, at most 128 MiB, and for that of a frame in a stream of version 2, at most 512 MiB.
///
/// # Errors
/// If `delta` is damaged, does not fit to `files`, or makes too much; what was written by then is of no use.
pub fn apply_tar_diff(
    mut delta: impl Read,
    files: &dyn OldFiles,
    out: &mut dyn Write,
    limit: u64,
) -> Result<TarDiffStats, TarDiffError> {
    let damaged = |source| TarDiffError::Damaged { operation: 0, source };
    let mut magic = Vec::new();
    delta.by_ref().take(MAGIC.len() as u64).read_to_end(&mut magic).map_err(damaged)?;
    if magic != MAGIC && magic != MAGIC_2 {
        return Err(TarDiffError::Magic { found: magic });
    }
    let has_frames = magic == MAGIC_2;
    let mut head = Vec::new();
    delta.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(damaged)?;
    if let Some(bytes) = window_bytes(&head).filter(|bytes| *bytes > 1 << WINDOW_LOG) {
        return Err(TarDiffError::Window { bytes, limit: 1 << WINDOW_LOG });
    }
    let mut decoder = zstd::Decoder::new(io::Cursor::new(head).chain(delta)).map_err(damaged)?;
    decoder.window_log_max(WINDOW_LOG).map_err(damaged)?;
    let stream = BufReader::with_capacity(PIECE_BYTES, decoder);
    let (stats, made) = (TarDiffStats::default(), Made { bytes: 0, limit });
    let mut apply = Apply { stream, files, out, has_frames, made, idle: 0, file: None, stats };
    while apply.next()? {}
    Ok(apply.stats)
}

/// How much has been made.
struct Made {
    bytes: u64,
    limit: u64,
}

impl Made {
    /// Counts `size` bytes more by operation number `operation`, if they are allowed.
    fn add(&mut self, size: u64, operation: u64) -> Result<(), TarDiffError> {
        let bytes = self.bytes.checked_add(size).filter(|bytes| *bytes <= self.limit);
        self.bytes = bytes.ok_or(TarDiffError::TooLarge { operation, limit: self.limit })?;
        Ok(())
    }
}

struct Apply<'a, R> {
    stream: R,
    files: &'a dyn OldFiles,
    out: &'a mut dyn Write,
    /// Whether the stream is of version 2.
    has_frames: bool,
    made: Made,
    /// Operations that made nothing.
    idle: u64,
    /// What is left of the current file, and all of it.
    file: Option<(u64, &'a [u8])>,
    stats: TarDiffStats,
}

impl<'a, R: io::BufRead> Apply<'a, R> {
    fn damaged(&self, source: io::Error) -> TarDiffError {
        TarDiffError::Damaged { operation: self.stats.operations, source }
    }

    fn senseless(&self, reason: &'static str) -> TarDiffError {
        TarDiffError::Senseless { operation: self.stats.operations, reason }
    }

    /// Carries out the next operation; returns whether there was one.
    fn next(&mut self) -> Result<bool, TarDiffError> {
        self.stats.operations += 1;
        let is_over = self.stream.fill_buf().map(<[u8]>::is_empty);
        if is_over.map_err(|error| self.damaged(error))? {
            self.stats.operations -= 1;
            return Ok(false);
        }
        let mut operation = [0];
        self.stream.read_exact(&mut operation).map_err(|error| self.damaged(error))?;
        let size = leb128::read(&mut self.stream).map_err(|error| self.damaged(error))?;
        let (size, _) = size.ok_or_else(|| self.senseless("a size has more than 64 bits"))?;
        let before = self.made.bytes;
        match operation[0] {
            DATA => self.data(size)?,
            OPEN => self.open(size)?,
            COPY => self.copy(size)?,
            ADD => self.add(size)?,
            SEEK => self.seek(size)?,
            FRAME if self.has_frames => self.frame(size)?,
            _ => return Err(self.senseless("its version has no such operation")),
        }
        self.idle += u64::from(self.made.bytes == before);
        if self.idle > self.made.bytes + IDLE_OPERATIONS {
            return Err(self.senseless("too many operations make nothing"));
        }
        Ok(true)
    }

    /// Counts `size` bytes more of the result, if they are allowed.
    fn make(&mut self, size: u64) -> Result<(), TarDiffError> {
        self.made.add(size, self.stats.operations)
    }

    fn data(&mut self, size: u64) -> Result<(), TarDiffError> {
        self.make(size)?;
        self.stats.literals += 1;
        self.stats.data_bytes += size;
        let mut left = size;
        while left > 0 {
            let piece = self.piece(left)?;
            self.out.write_all(&piece).map_err(TarDiffError::Output)?;
            left -= piece.len() as u64;
        }
        Ok(())
    }

    /// The next bytes of the stream, at most `left`.
    fn piece(&mut self, left: u64) -> Result<Vec<u8>, TarDiffError> {
        let mut piece = vec![0; left.min(PIECE_BYTES as u64) as usize];
        self.stream.read_exact(&mut piece).map_err(|error| self.damaged(error))?;
        Ok(piece)
    }

    fn open(&mut self, size: u64) -> Result<(), TarDiffError> {
        if size == 0 || size > PATH_BYTES as u64 {
            return Err(self.senseless("a path is empty or has more than 4096 bytes"));
        }
        let path = self.piece(size)?;
        let content = self.files.content(&path).ok_or_else(|| TarDiffError::NoFile {
            operation: self.stats.operations,
            path: String::from_utf8_lossy(&path).into_owned(),
        })?;
        self.file = Some((0, content));
        Ok(())
    }

    /// The next `size` bytes of the current file, which are passed.
    fn take(&mut self, size: u64) -> Result<&'a [u8], TarDiffError> {
        let short = "the current file has fewer bytes, or none is open";
        let Some((at, content)) = self.file else { return Err(self.senseless(short)) };
        let end = at.checked_add(size).filter(|end| *end <= content.len() as u64);
        let end = end.ok_or_else(|| self.senseless(short))?;
        self.file = Some((end, content));
        Ok(&content[at as usize..end as usize])
    }

    fn copy(&mut self, size: u64) -> Result<(), TarDiffError> {
        self.make(size)?;
        self.stats.copies += 1;
        self.stats.copy_bytes += size;
        let bytes = self.take(size)?;
        self.out.write_all(bytes).map_err(TarDiffError::Output)
    }

    fn add(&mut self, size: u64) -> Result<(), TarDiffError> {
        if size > ADD_BYTES {
            return Err(self.senseless("an addition has more bytes than readers take"));
        }
        self.make(size)?;
        self.stats.copies += 1;
        self.stats.add_bytes += size;
        let mut left = size;
        while left > 0 {
            let mut piece = self.piece(left)?;
            let old = self.take(piece.len() as u64)?;
            piece.iter_mut().zip(old).for_each(|(byte, old)| *byte = byte.wrapping_add(*old));
            self.out.write_all(&piece).map_err(TarDiffError::Output)?;
            left -= piece.len() as u64;
        }
        Ok(())
    }

    fn seek(&mut self, place: u64) -> Result<(), TarDiffError> {
        match &mut self.file {
            Some((at, _)) => *at = place,
            None => return Err(self.senseless("a place in a file, and none is open")),
        }
        Ok(())
    }
    /// Unpacks the frame of the next `size` bytes, whose prefix is the current file. What follows it in them is passed over.
    fn frame(&mut self, size: u64) -> Result<(), TarDiffError> {
        let Some((_, content)) = self.file else { return Err(self.senseless("no file is open")) };
        if content.len() as u64 > 1 << FRAME_WINDOW_LOG {
            return Err(self.senseless("the current file is larger than readers take for a prefix"));
        }
        self.stats.copies += 1;
        let operation = self.stats.operations;
        let damaged = |source| TarDiffError::Damaged { operation, source };
        let mut coded = self.stream.by_ref().take(size);
        let frame = zstd::Decoder::with_ref_prefix(&mut coded, content).map_err(damaged)?;
        let mut frame = frame.single_frame();
        frame.window_log_max(FRAME_WINDOW_LOG).map_err(damaged)?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let len = frame.read(&mut piece).map_err(damaged)?;
            if len == 0 {
                break;
            }
            self.made.add(len as u64, operation)?;
            self.stats.add_bytes += len as u64;
            self.out.write_all(&piece[..len]).map_err(TarDiffError::Output)?;
        }
        drop(frame);
        io::copy(&mut coded, &mut io::sink()).map_err(damaged)?;
        if coded.limit() > 0 {
            return Err(damaged(io::ErrorKind::UnexpectedEof.into()));
        }
        self.file = Some((content.len() as u64, content));
        Ok(())
    }
}
