//! The file that an archive is written to: under a temporary name until it is whole, or standard
//! output.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::transfer::CopyError;
use super::{ArchiveFile, ImageError};
use crate::temporary::TemporaryFile;

/// Lets `fill` write the archive, and makes it appear only if that succeeded.
pub(super) fn write_archive(
    file: &ArchiveFile,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), CopyError>,
) -> Result<(), ImageError> {
    match file {
        ArchiveFile::Path(path) => write_file(path, fill),
        ArchiveFile::Stdio => {
            let mut output = BufWriter::new(io::stdout().lock());
            let written = fill(&mut output).and_then(|()| output.flush().map_err(CopyError::Write));
            written.map_err(|error| match error {
                CopyError::Read(error) => ImageError::from_read(error),
                CopyError::Write(source) => {
                    ImageError::Stream { doing: "write standard output".to_owned(), source }
                }
            })
        }
    }
}

fn write_file(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), CopyError>,
) -> Result<(), ImageError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let file =
        TemporaryFile::new_in(folder).map_err(ImageError::file("create a file in", folder))?;
    let mut output = BufWriter::new(file);
    let written = fill(&mut output).and_then(|()| output.flush().map_err(CopyError::Write));
    written.map_err(|error| match error {
        CopyError::Read(error) => ImageError::from_read(error),
        CopyError::Write(source) => ImageError::file("write", path)(source),
    })?;
    // The buffer is empty after the flush, so nothing is written here.
    let (file, _) = output.into_parts();
    file.publish(path).map_err(ImageError::file("write", path))
}
