//! Why a stream can't be applied.

use std::io;

use crate::Cause;

/// Why a tar-diff stream could not be applied, and where in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarDiffError {
    /// The bytes are something else.
    #[error("no tar-diff of version 1 or 2: its first bytes are {found:02x?}")]
    Magic {
        /// The first bytes.
        found: Vec<u8>,
    },
    /// Readers have no memory for it.
    #[error(
        "the tar-diff is compressed with a window of {bytes} bytes, and readers take at most {limit}"
    )]
    Window {
        /// What the stream says, in bytes.
        bytes: u64,
        /// The most that readers take, in bytes.
        limit: u64,
    },
    /// The stream ends, or is compressed in a way that nobody takes.
    #[error("operation {operation}: the tar-diff is cut or damaged: {source}")]
    Damaged {
        /// Number of the operation, counted from 1.
        operation: u64,
        /// What the decompression says.
        source: io::Error,
    },
    /// An operation makes no sense.
    #[error("operation {operation}: {reason}")]
    Senseless {
        /// Number of the operation, counted from 1.
        operation: u64,
        /// The contradiction.
        reason: &'static str,
    },
    /// The old tree has no such file.
    #[error("operation {operation}: the base has no file {path:?}")]
    NoFile {
        /// Number of the operation, counted from 1.
        operation: u64,
        /// The path, with what is no text replaced.
        path: String,
    },
    /// The stream makes more than the caller allows.
    #[error("operation {operation}: the result would exceed {limit} bytes")]
    TooLarge {
        /// Number of the operation, counted from 1.
        operation: u64,
        /// The caller's limit in bytes.
        limit: u64,
    },
    /// The result could not be written.
    #[error("cannot write the rebuilt bytes: {0}")]
    Output(#[source] io::Error),
}

impl TarDiffError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            TarDiffError::Output(error) => Cause::of_io(error),
            TarDiffError::TooLarge { .. } => Cause::TooLarge,
            _ => Cause::Content,
        }
    }
}
