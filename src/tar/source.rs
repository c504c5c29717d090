//! Where an archive that is read comes from.

use std::io::{self, Read, Seek, SeekFrom};

/// Where an archive is read from: onwards only.
pub trait Source {
    /// Fills `buffer` unless the archive ends before. Returns how many bytes were read.
    ///
    /// # Errors
    /// If reading fails.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Leaves out `len` bytes unless the archive ends before. Returns how many there were.
    ///
    /// # Errors
    /// If reading or seeking fails.
    fn skip(&mut self, len: u64) -> io::Result<u64>;
}

/// An archive that can only be read from front to back.
#[derive(Debug)]
pub struct Forward<R>(pub R);

/// An archive that can be sought in. A part that is left out is not read.
#[derive(Debug)]
pub struct Seeking<R> {
    inner: R,
    position: u64,
    end: u64,
}

impl<R: Read> Source for Forward<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        fill(&mut self.0, buffer)
    }

    fn skip(&mut self, len: u64) -> io::Result<u64> {
        io::copy(&mut self.0.by_ref().take(len), &mut io::sink())
    }
}

impl<R: Read + Seek> Seeking<R> {
    /// The archive from its first byte to its last.
    ///
    /// # Errors
    /// If `inner` can't be sought in.
    pub fn new(mut inner: R) -> io::Result<Self> {
        let end = inner.seek(SeekFrom::End(0))?;
        inner.seek(SeekFrom::Start(0))?;
        Ok(Seeking { inner, position: 0, end })
    }
}

impl<R: Read + Seek> Source for Seeking<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = fill(&mut self.inner, buffer)?;
        self.position += len as u64;
        Ok(len)
    }

    fn skip(&mut self, len: u64) -> io::Result<u64> {
        let skipped = len.min(self.end.saturating_sub(self.position));
        if skipped > 0 {
            self.position = self.inner.seek(SeekFrom::Start(self.position + skipped))?;
        }
        Ok(skipped)
    }
}

/// Reads until `buffer` is full or `input` ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match input.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
