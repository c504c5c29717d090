//! The file of an archive, made seekable: what comes through a pipe or is compressed as a whole is
//! first spooled to a temporary file without a name.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use super::error::WRITE_TEMPORARY;
use super::mismatch::Mismatch;
use super::tar_index::{Extent, TarIndex, TarIndexError};
use super::transfer::{self, CopyError};
use super::{ArchiveFile, Compression, Excess, ImageError, UnpackLimits, decompress};
use crate::small_file::{is_open_already, not_a_file, open_anything};
use crate::space::{SpaceWatch, check_space};

/// How long somebody may take to open the other end of a named pipe.
const WRITER_PATIENCE: Duration = Duration::from_secs(10);
/// How often that is looked at.
const WRITER_INTERVAL: Duration = Duration::from_millis(20);

/// Where archives are kept that can't be read in place.
#[derive(Debug)]
pub(super) struct Spool {
    pub(super) folder: PathBuf,
    pub(super) limits: UnpackLimits,
}

/// An archive that is open and indexed.
pub(super) struct Archive {
    pub(super) file: Arc<File>,
    pub(super) index: TarIndex,
}

impl Archive {
    /// Opens and indexes `archive`; a spooled copy, where one is needed, goes to `spool`.
    pub(super) fn open(
        archive: &ArchiveFile,
        reference: &str,
        spool: &Spool,
    ) -> Result<Self, ImageError> {
        let file = match archive {
            ArchiveFile::Stdio => spool.copy(io::stdin(), None, reference)?,
            ArchiveFile::Path(path) => open_seekable(path, reference, spool)?,
        };
        Self::of_file(file, reference)
    }

    /// Spools and indexes the archive that `source` gives.
    #[cfg(feature = "registry")]
    pub(super) fn of_stream(
        source: impl Read + Send + 'static,
        reference: &str,
        spool: &Spool,
    ) -> Result<Self, ImageError> {
        Self::of_file(spool.copy(source, None, reference)?, reference)
    }

    fn of_file(mut file: File, reference: &str) -> Result<Self, ImageError> {
        let index = TarIndex::read(&mut file).map_err(|error| match error {
            TarIndexError::Io(source) => {
                ImageError::Stream { doing: format!("read {reference}"), source }
            }
            error => {
                ImageError::Malformed { reference: reference.to_owned(), reason: error.to_string() }
            }
        })?;
        if index.is_empty() {
            let mismatch = Mismatch::EmptyArchive;
            return Err(ImageError::OtherKind { reference: reference.to_owned(), mismatch });
        }
        Ok(Archive { file: Arc::new(file), index })
    }

    /// The bytes of the file at `extent`.
    pub(super) fn reader(&self, extent: Extent) -> ExtentReader {
        ExtentReader { file: Arc::clone(&self.file), extent }
    }
}

fn open_seekable(path: &Path, reference: &str, spool: &Spool) -> Result<File, ImageError> {
    let file = open_anything(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => {
            ImageError::NotFound { reference: reference.to_owned(), names: Vec::new() }
        }
        _ => ImageError::file("open", path)(source),
    })?;
    let metadata = file.metadata().map_err(ImageError::file("read", path))?;
    let kind = metadata.file_type();
    if metadata.is_dir() {
        let mismatch = Mismatch::FolderForArchive;
        return Err(ImageError::OtherKind { reference: reference.to_owned(), mismatch });
    }
    if kind.is_fifo() {
        let pipe = open_pipe(file, path).map_err(ImageError::file("read", path))?;
        return spool.copy(pipe, None, reference);
    }
    if !metadata.is_file() && !kind.is_block_device() {
        return Err(ImageError::file("read", path)(not_a_file(kind)));
    }
    let mut start = [0; 16];
    let read = file.read_at(&mut start, 0).map_err(ImageError::file("read", path))?;
    if metadata.is_file() && Compression::of(&start[..read]) == Compression::None {
        return Ok(file);
    }
    spool.copy(file, metadata.is_file().then_some(metadata.len()), reference)
}

/// A named pipe that was opened without waiting, to be read as any other once somebody writes into it.
fn open_pipe(mut pipe: File, path: &Path) -> io::Result<impl Read + Send + 'static> {
    let mut start = Vec::new();
    // The other end of what this process has open already was opened by whoever started it.
    if !is_open_already(path) {
        start = await_writer(&mut pipe)?;
    }
    rustix::fs::fcntl_setfl(&pipe, OFlags::empty())?;
    Ok(io::Cursor::new(start).chain(pipe))
}

/// Waits until somebody has the pipe open for writing. Returns what was read meanwhile.
fn await_writer(pipe: &mut File) -> io::Result<Vec<u8>> {
    let begun = Instant::now();
    let mut start = vec![0; 1];
    loop {
        match pipe.read(&mut start) {
            // Nobody has it open, or whoever had it wrote nothing.
            Ok(0) if begun.elapsed() < WRITER_PATIENCE => thread::sleep(WRITER_INTERVAL),
            Ok(0) => {
                let text = "nobody writes into this named pipe";
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            Ok(_) => return Ok(start),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Vec::new()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Spool {
    /// Copies an archive, unpacked, to a file without a name. `stored` is how many bytes `source` has,
    /// if that is known.
    fn copy(
        &self,
        source: impl Read + Send + 'static,
        stored: Option<u64>,
        reference: &str,
    ) -> Result<File, ImageError> {
        let folder = &self.folder;
        let unwritable = |source| ImageError::file(WRITE_TEMPORARY, folder)(source);
        check_space(folder, stored.unwrap_or(0)).map_err(unwritable)?;
        let spooled = tempfile::tempfile_in(folder).map_err(unwritable)?;
        let limits = Limited { limits: self.limits, stored, unpacked: 0 };
        let mut out = Spooled { file: spooled, limits, space: SpaceWatch::new(folder) };
        let copied = decompress(source)
            .map_err(CopyError::Read)
            .and_then(|mut plain| transfer::copy(&mut plain, &mut out, |_| ()));
        match copied {
            Ok(_) => Ok(out.file),
            Err(CopyError::Write(source)) => match source.downcast::<Excess>() {
                Ok(excess) => Err(ImageError::TooLarge { reference: reference.to_owned(), excess }),
                Err(source) => Err(unwritable(source)),
            },
            Err(CopyError::Read(source)) if transfer::is_from_system(&source) => {
                Err(ImageError::Stream { doing: format!("read {reference}"), source })
            }
            Err(CopyError::Read(source)) => match source.downcast::<ImageError>() {
                Ok(error) => Err(error),
                Err(source) => Err(ImageError::Malformed {
                    reference: reference.to_owned(),
                    reason: format!("the archive's compressed data is damaged: {source}"),
                }),
            },
        }
    }
}

/// How far an archive is from its limits.
struct Limited {
    limits: UnpackLimits,
    stored: Option<u64>,
    unpacked: u64,
}

impl Limited {
    fn take(&mut self, bytes: u64) -> Result<(), Excess> {
        self.unpacked += bytes;
        if self.unpacked > self.limits.archive_bytes {
            return Err(Excess::Archive(self.limits.archive_bytes));
        }
        // How much comes through a pipe shows at its end only.
        self.stored.map_or(Ok(()), |stored| self.limits.check_ratio(stored, self.unpacked))
    }
}

/// A spooled archive that is being written.
struct Spooled {
    file: File,
    limits: Limited,
    space: SpaceWatch,
}

impl io::Write for Spooled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.limits.take(bytes.len() as u64).map_err(io::Error::other)?;
        self.space.about_to_write(bytes.len() as u64)?;
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A part of a file. Reads by position, so that several can be read at once.
pub(super) struct ExtentReader {
    file: Arc<File>,
    extent: Extent,
}

impl Read for ExtentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.extent.len).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..want], self.extent.offset)?;
        if read == 0 && want > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.extent.offset += read as u64;
        self.extent.len -= read as u64;
        Ok(read)
    }
}
