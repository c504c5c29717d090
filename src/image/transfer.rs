//! Copying bytes, with reading and writing errors told apart.

use std::io::{self, Read, Write};

/// Bytes copied at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Which side of a copy failed.
#[derive(Debug)]
pub(super) enum CopyError {
    /// The source.
    Read(io::Error),
    /// The destination.
    Write(io::Error),
}

/// Copies until the source ends, calling `done` with the length of each piece. Gives the total.
pub(super) fn copy(
    source: &mut dyn Read,
    destination: &mut dyn Write,
    mut done: impl FnMut(u64),
) -> Result<u64, CopyError> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut total = 0;
    loop {
        let read = match source.read(&mut chunk) {
            Ok(0) => return Ok(total),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        destination.write_all(&chunk[..read]).map_err(CopyError::Write)?;
        done(read as u64);
        total += read as u64;
    }
}

/// Whether the operating system reported the error. If not, a decoder did: the data is bad.
pub(super) fn is_from_system(error: &io::Error) -> bool {
    error.raw_os_error().is_some()
}
