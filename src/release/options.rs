//! How an update is prepared.

use std::time::Duration;

/// When a release is let out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finalize {
    /// Not at all.
    #[default]
    Never,
    /// If all of its deltas are there.
    WhenReady,
    /// If all of its deltas are there or cannot be made.
    Always,
}

/// How an update is prepared. Made from [`default`](PrepareOptions::default) and
/// [`changed`](PrepareOptions::changed).
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct PrepareOptions {
    /// Whether to wait until every delta is there or cannot be made.
    pub wait: bool,
    /// The longest wait; 24 hours where nothing is set.
    pub timeout: Option<Duration>,
    /// When the release is let out.
    pub finalize: Finalize,
}

impl PrepareOptions {
    /// The options after `change`.
    #[must_use]
    pub fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}
