//! Layer blobs in the making: what is written is hashed, and the blob is a file until it is
//! published.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

use crate::image::{Blob, BlobData, Descriptor, DiffId, Digest};
use crate::temporary::TemporaryPath;

/// Digest and length of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlobId {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl BlobId {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        BlobId { digest: Digest::of(bytes), size: bytes.len() as u64 }
    }

    pub(crate) fn descriptor(self, media_type: &str) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            digest: self.digest,
            size: self.size,
            urls: Vec::new(),
            annotations: None,
            artifact_type: None,
            platform: None,
        }
    }
}

/// Hashes and counts what passes through to `out`.
pub(crate) struct Hashed<W> {
    out: W,
    hasher: Sha256,
    size: u64,
}

impl<W: Write> Hashed<W> {
    pub(crate) fn new(out: W) -> Self {
        Hashed { out, hasher: Sha256::new(), size: 0 }
    }

    pub(crate) fn finish(self) -> (W, BlobId) {
        (self.out, BlobId { digest: Digest::from_hasher(self.hasher), size: self.size })
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.out.write(bytes)?;
        self.hasher.update(&bytes[..len]);
        self.size += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A blob that has been written.
#[derive(Debug)]
pub(crate) struct Written<W> {
    pub(crate) out: W,
    pub(crate) id: BlobId,
    /// The digest of what it unpacks to.
    pub(crate) diff_id: DiffId,
}

impl Written<TemporaryPath> {
    /// The blob for an image that is to be written; the file must live until then.
    pub(crate) fn to_blob(&self) -> Blob {
        Blob {
            digest: self.id.digest,
            size: self.id.size,
            data: BlobData::File(self.out.path().to_owned()),
        }
    }
}
