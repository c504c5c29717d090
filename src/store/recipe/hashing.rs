//! Bytes hashed as they go by.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

use crate::image::Digest;

/// What is written here is hashed.
pub(super) struct Hashing(Sha256);

impl Hashing {
    pub(super) fn new() -> Self {
        Hashing(Sha256::new())
    }

    /// The digest of what was written.
    pub(super) fn digest(self) -> Digest {
        Digest::from_hasher(self.0)
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
