//! How the layers of a target are had.

/// How a layer of the target is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The base has it.
    Kept,
    /// By a layer delta.
    Delta,
    /// By its own blob.
    Whole,
}
