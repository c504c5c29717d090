//! The time of an entry.

/// A time, counted from the start of 1970 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mtime {
    /// Whole seconds, rounded down.
    pub seconds: i64,
    /// The rest, below one second.
    pub nanoseconds: u32,
}
