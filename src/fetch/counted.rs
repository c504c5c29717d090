//! Counting what the layers of a base bring over the network, beside what the target's blobs do.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::progress::{PassedOn, Progress, Stage};

/// Progress of fetching a base that also counts the bytes that come over the network.
pub(super) struct Counted<'a> {
    pub(super) progress: &'a dyn Progress,
    pub(super) fetched: &'a AtomicU64,
    /// Whether the base comes over the network.
    pub(super) is_far: bool,
}

impl PassedOn for Counted<'_> {
    fn inner(&self) -> &dyn Progress {
        self.progress
    }

    fn advance(&self, stage: Stage, units: u64) {
        if stage == Stage::Fetch && self.is_far {
            self.fetched.fetch_add(units, Ordering::Relaxed);
        }
        self.progress.advance(stage, units);
    }
}
