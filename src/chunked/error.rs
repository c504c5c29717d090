//! Why a layer delta can't be read.

use std::io;

use super::StreamKind;
use crate::Cause;

/// Why the index of a layer delta can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The bytes are something else.
    #[error("no layer delta of this version: its first bytes are {found:02x?}")]
    Magic {
        /// The first bytes.
        found: Vec<u8>,
    },
    /// The bytes end, or a number is none.
    #[error("the index of the layer delta is cut or damaged at byte {at}")]
    Damaged {
        /// Where in the index.
        at: usize,
    },
    /// The index says something that can't be.
    #[error("the index of the layer delta makes no sense: {reason}")]
    Senseless {
        /// The contradiction.
        reason: &'static str,
    },
    /// The layer would be larger than the caller allows.
    #[error("the layer would have {bytes} bytes, more than {limit}")]
    TooLarge {
        /// What the index says.
        bytes: u64,
        /// The caller's limit in bytes.
        limit: u64,
    },
    /// The bytes could not be read.
    #[error("cannot read the layer delta: {0}")]
    Read(#[source] io::Error),
}

impl IndexError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            IndexError::Read(error) => Cause::of_io(error),
            IndexError::TooLarge { .. } => Cause::TooLarge,
            _ => Cause::Content,
        }
    }
}

/// Why a chunk can't be rebuilt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// The chunk's bytes are not those that the index names.
    #[error("the chunk is damaged: its digest is not the one in the index")]
    Digest,
    /// A stream can't be decoded to as many bytes as the index says.
    #[error("the stream of {} is damaged", stream.name())]
    Coding {
        /// Which stream.
        stream: StreamKind,
    },
    /// A stream ends before the chunk does, or goes on after it.
    #[error("the stream of {} has too few or too many bytes", stream.name())]
    Length {
        /// Which stream.
        stream: StreamKind,
    },
    /// A cover makes more than the chunk has.
    #[error("a cover at byte {at} of the chunk goes past its end")]
    PastEnd {
        /// Where in the chunk the cover starts.
        at: u64,
    },
    /// A cover is outside the base.
    #[error("a cover at byte {at} of the chunk is outside the base")]
    OutsideBase {
        /// Where in the chunk the cover starts.
        at: u64,
    },
    /// The chunk has more covers than any may have.
    #[error("the chunk has more than {limit} covers")]
    TooMany {
        /// How many it may have.
        limit: usize,
    },
    /// What the chunk says of programs can't be.
    #[error("what the chunk says of programs makes no sense")]
    Programs,
    /// What the chunk says of members can't be, or makes another length than the index says.
    #[error("what the chunk says of packed members makes no sense")]
    Members,
    /// What the chunk says of stretches to open can't be.
    #[error("what the chunk says of what it opens of the base makes no sense")]
    Stretches,
    /// A stretch of the base has something else in it.
    #[error("stretch {} of the base can't be opened as the chunk says", number + 1)]
    OpenedBase {
        /// Which of the chunk's stretches, from 0 on.
        number: usize,
    },
    /// The base could not be read.
    #[error("cannot read the base: {0}")]
    Base(#[source] io::Error),
    /// The result could not be written.
    #[error("cannot write the rebuilt bytes: {0}")]
    Output(#[source] io::Error),
}

impl ChunkError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            ChunkError::Output(error) => Cause::of_io(error),
            // What was read of the base is less than there was of it.
            ChunkError::Base(_) => Cause::DamagedLayer,
            _ => Cause::Content,
        }
    }
}
