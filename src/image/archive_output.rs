//! The file, or the stream, that an archive is written to.

use std::collections::HashSet;
use std::io::{BufWriter, Write};

use super::transfer::CopyError;
use super::{ArchiveFile, Blob, ImageError};
use crate::output::Output;

/// Opens the place of an archive without changing what is there.
pub(super) fn open(file: &ArchiveFile) -> Result<Output, ImageError> {
    match file {
        ArchiveFile::Path(path) => Ok(Output::open(path)?),
        ArchiveFile::Stdio => Ok(Output::stdout()),
    }
}

/// Lets `fill` write the archive of `blobs`, and makes it appear only if that succeeded.
pub(super) fn write_archive(
    output: Output,
    blobs: &[Blob],
    fill: impl FnOnce(&mut dyn Write) -> Result<(), CopyError>,
) -> Result<(), ImageError> {
    let mut seen = HashSet::new();
    let distinct = blobs.iter().filter(|blob| seen.insert(blob.digest));
    output.reserve(distinct.map(|blob| blob.size).sum())?;
    let name = output.name().display().to_string();
    let mut output = BufWriter::new(output);
    let written = fill(&mut output).and_then(|()| output.flush().map_err(CopyError::Write));
    written.map_err(|error| match error {
        CopyError::Read(error) => ImageError::from_read(error),
        CopyError::Write(source) => ImageError::Stream { doing: format!("write {name}"), source },
    })?;
    // The buffer is empty after the flush, so nothing is written here.
    let (output, _) = output.into_parts();
    Ok(output.finish()?)
}
