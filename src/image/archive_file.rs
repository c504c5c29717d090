//! The file of an archive, made seekable: what comes through a pipe or is compressed as a whole is
//! first spooled to a temporary file without a name.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use super::tar_index::{Extent, TarIndex, TarIndexError};
use super::transfer::{self, CopyError};
use super::{ArchiveFile, Compression, ImageError, decompress};

/// An archive that is open and indexed.
pub(super) struct Archive {
    pub(super) file: Arc<File>,
    pub(super) index: TarIndex,
}

impl Archive {
    /// Opens and indexes `archive`; a spooled copy, where one is needed, goes to `spool_dir`.
    pub(super) fn open(
        archive: &ArchiveFile,
        reference: &str,
        spool_dir: &Path,
    ) -> Result<Self, ImageError> {
        let mut file = match archive {
            ArchiveFile::Stdio => spool(io::stdin(), reference, spool_dir)?,
            ArchiveFile::Path(path) => open_seekable(path, reference, spool_dir)?,
        };
        let index = TarIndex::read(&mut file).map_err(|error| match error {
            TarIndexError::Io(source) => {
                ImageError::Stream { doing: format!("read {reference}"), source }
            }
            error => {
                ImageError::Malformed { reference: reference.to_owned(), reason: error.to_string() }
            }
        })?;
        Ok(Archive { file: Arc::new(file), index })
    }

    /// The bytes of the file at `extent`.
    pub(super) fn reader(&self, extent: Extent) -> ExtentReader {
        ExtentReader { file: Arc::clone(&self.file), extent }
    }
}

fn open_seekable(path: &Path, reference: &str, spool_dir: &Path) -> Result<File, ImageError> {
    let file = File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => {
            ImageError::NotFound { reference: reference.to_owned(), names: Vec::new() }
        }
        _ => ImageError::file("open", path)(source),
    })?;
    let metadata = file.metadata().map_err(ImageError::file("read", path))?;
    if metadata.is_dir() {
        return Err(ImageError::Unsuitable {
            reference: reference.to_owned(),
            reason: "it is a folder, not an archive".to_owned(),
        });
    }
    let mut start = [0; 16];
    let plain = metadata.is_file() && {
        let read = file.read_at(&mut start, 0).map_err(ImageError::file("read", path))?;
        Compression::of(&start[..read]) == Compression::None
    };
    if plain { Ok(file) } else { spool(file, reference, spool_dir) }
}

fn spool(
    source: impl Read + Send + 'static,
    reference: &str,
    spool_dir: &Path,
) -> Result<File, ImageError> {
    let unwritable = |source| ImageError::file("write a temporary file in", spool_dir)(source);
    let mut spooled = tempfile::tempfile_in(spool_dir).map_err(unwritable)?;
    let copied = decompress(source)
        .map_err(CopyError::Read)
        .and_then(|mut plain| transfer::copy(&mut plain, &mut spooled, |_| ()));
    match copied {
        Ok(_) => Ok(spooled),
        Err(CopyError::Write(source)) => Err(unwritable(source)),
        Err(CopyError::Read(source)) if transfer::is_from_system(&source) => {
            Err(ImageError::Stream { doing: format!("read {reference}"), source })
        }
        Err(CopyError::Read(source)) => Err(ImageError::Malformed {
            reference: reference.to_owned(),
            reason: format!("the archive's compressed data is damaged: {source}"),
        }),
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
