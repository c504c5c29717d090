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
    pub(super) fn new(inner: R, expected: Digest, size: u64, place: impl Into<String>) -> Self {
        BlobReader {
            inner,
            hasher: Sha256::new(),
            got: 0,
            size,
            expected,
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

/// All of a small blob. The caller has checked that the descriptor does not claim too much.
pub(super) fn read_small(
    reader: impl Read,
    descriptor: &Descriptor,
    place: &str,
) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    let mut reader = BlobReader::new(reader, descriptor.digest, descriptor.size, place);
    reader.read_to_end(&mut bytes).map_err(ImageError::from_read)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], digest: Digest, size: u64) -> Result<Vec<u8>, String> {
        let mut read = Vec::new();
        match BlobReader::new(bytes, digest, size, "here").read_to_end(&mut read) {
            Ok(_) => Ok(read),
            Err(error) => {
                assert!(read.len() as u64 <= size, "more bytes than declared");
                Err(ImageError::from_read(error).to_string())
            }
        }
    }

    #[test]
    fn only_the_declared_blob_comes_through() {
        let digest = Digest::of(b"abc");
        assert_eq!(read(b"abc", digest, 3), Ok(b"abc".to_vec()));
        assert_eq!(read(b"", Digest::of(b""), 0), Ok(Vec::new()));
        for (bytes, size, problem) in [
            (&b"abd"[..], 3, format!("has the digest {}", Digest::of(b"abd"))),
            (b"ab", 3, "has 2 bytes instead of 3".to_owned()),
            (b"abcd", 3, "has more than 3 bytes".to_owned()),
            (b"abc", u64::MAX, format!("has 3 bytes instead of {}", u64::MAX)),
            (b"abc", 0, "has more than 0 bytes".to_owned()),
        ] {
            assert_eq!(read(bytes, digest, size), Err(format!("here: blob {digest} {problem}")));
        }
    }
}
