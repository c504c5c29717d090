//! A base that need not be in memory.

use std::io::{self, Write};

use super::base::Base;

/// The bytes of a base, as one stream.
pub trait BaseBytes {
    /// The length of the stream in bytes.
    fn size(&self) -> u64;

    /// Writes the `len` bytes from `offset` on, all of which the stream has.
    ///
    /// # Errors
    /// [`BaseError::Read`] if the base cannot be read, [`BaseError::Write`] if `out` fails.
    fn copy(&self, offset: u64, len: u64, out: &mut dyn Write) -> Result<(), BaseError>;
}

/// Why a part of a base could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// The base could not be read.
    #[error("cannot read the base: {0}")]
    Read(#[source] io::Error),
    /// The result could not be written.
    #[error("cannot write the rebuilt bytes: {0}")]
    Write(#[source] io::Error),
}

impl BaseBytes for Base<'_> {
    fn size(&self) -> u64 {
        self.len()
    }

    fn copy(&self, offset: u64, len: u64, out: &mut dyn Write) -> Result<(), BaseError> {
        let outside = || BaseError::Read(io::ErrorKind::UnexpectedEof.into());
        let mut pieces = self.pieces(offset, len).ok_or_else(outside)?;
        pieces.try_for_each(|piece| out.write_all(piece).map_err(BaseError::Write))
    }
}
