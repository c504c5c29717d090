//! A blob's bytes on their way in, checked against the descriptor.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::{BlobProblem, Descriptor, Digest, ImageError};

/// Passes a blob through and fails at its end, instead of reporting the end, where length or digest
/// are not those of the descriptor. Never hands out more bytes than the descriptor says.
pub(super) struct BlobReader<R> {
    inner: R,
    hasher: Sha256,
    got: u64,
    size: u64,
    expected: Digest,
    place: String,
    ended: bool,
}

impl<R: Read> BlobReader<R> {
    /// `place` says in errors where the blob comes from.
    pub(super) fn new(inner: R, descriptor: &Descriptor, place: impl Into<String>) -> Self {
        BlobReader {
            inner,
            hasher: Sha256::new(),
            got: 0,
            size: descriptor.size,
            expected: descriptor.digest,
            place: place.into(),
            ended: false,
        }
    }

    fn check_end(&mut self) -> io::Result<()> {
        if self.got < self.size {
            return Err(self.fail(BlobProblem::Short { got: self.got, expected: self.size }));
        }
        if self.inner.read(&mut [0])? != 0 {
            return Err(self.fail(BlobProblem::Long(self.size)));
        }
        let digest = Digest::from_hasher(std::mem::take(&mut self.hasher));
        if digest != self.expected {
            return Err(self.fail(BlobProblem::Digest(digest)));
        }
        self.ended = true;
        Ok(())
    }

    fn fail(&self, problem: BlobProblem) -> io::Error {
        ImageError::Blob { place: self.place.clone(), expected: self.expected, problem }.into()
    }
}

impl<R: Read> Read for BlobReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let want = usize::try_from(self.size - self.got).unwrap_or(usize::MAX).min(buffer.len());
        let read = if want == 0 { 0 } else { self.inner.read(&mut buffer[..want])? };
        if read == 0 {
            self.check_end()?;
        }
        self.hasher.update(&buffer[..read]);
        self.got += read as u64;
        Ok(read)
    }
}

/// All of a small blob. `limit` guards against a descriptor that claims too much.
pub(super) fn read_small(
    reader: impl Read,
    descriptor: &Descriptor,
    place: &str,
) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    BlobReader::new(reader, descriptor, place)
        .read_to_end(&mut bytes)
        .map_err(ImageError::from_read)?;
    Ok(bytes)
}
