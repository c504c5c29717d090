//! What can be wrong with a tar.

use std::io;

/// An entry of a tar that cannot be read, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("tar header at byte {offset}: {problem}")]
pub struct TarError {
    /// Byte offset of the entry's first header in the tar.
    pub offset: u64,
    /// The problem.
    pub problem: TarProblem,
}

/// A problem with one entry of a tar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TarProblem {
    /// The header's checksum does not match: the tar is damaged, or these bytes are no header.
    #[error("the header's checksum is wrong")]
    Checksum,
    /// The tar ends inside a header or inside content.
    #[error("the tar ends in the middle of it")]
    Truncated,
    /// One block of zeros, which is half an end mark, has a header after it.
    #[error("half an end mark is in front of it")]
    HalfEndMark,
    /// The named number cannot be read or is out of range.
    #[error("its {0} is not a number in range")]
    Number(&'static str),
    /// An extended header has a malformed record.
    #[error("the extended header is malformed")]
    Pax,
    /// An extended header or long name is longer than [`MAX_SPECIAL_BYTES`](super::MAX_SPECIAL_BYTES).
    #[error("the extended header is too long")]
    SpecialTooLong,
    /// The map of a sparse file is malformed, or does not fit the file's size and data.
    #[error("the map of its holes is malformed")]
    SparseMap,
    /// A sparse file has more than [`MAX_SPARSE_PIECES`](super::MAX_SPARSE_PIECES) pieces of data.
    #[error("it has more than {0} pieces of data between holes")]
    TooManyPieces(usize),
}

/// Why an archive that is read has no next entry.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The archive is damaged, or is no tar.
    #[error(transparent)]
    Tar(#[from] TarError),
}
