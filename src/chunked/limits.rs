//! How much a layer delta may make.

/// What a reader allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that the layer may have.
    pub layer_bytes: u64,
}
