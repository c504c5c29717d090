//! In what a blob can differ from its descriptor.

use super::Digest;

/// In what a blob differs from its descriptor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobProblem {
    /// The bytes have another digest.
    #[error("has the digest {0}")]
    Digest(Digest),
    /// The blob ended early.
    #[error("has {got} bytes instead of {expected}")]
    Short {
        /// The bytes that came.
        got: u64,
        /// The bytes there should be.
        expected: u64,
    },
    /// The blob goes on after it should have ended.
    #[error("has more than {0} bytes")]
    Long(u64),
}
