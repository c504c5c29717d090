//! What is watched, and what is done with drafts.

use std::time::Duration;

/// The fleets that are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchedFleets {
    /// All that the user sees.
    All,
    /// Those of these slugs or names.
    Named(Vec<String>),
}

/// Which drafts are let out once their deltas are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinalizeRule {
    /// None.
    #[default]
    Never,
    /// Those with the tag `remora-finalize`.
    Tagged,
    /// All among each fleet's last twenty releases.
    Always,
}

/// How fleets are watched. Made from [`of`](WatchOptions::of) and [`changed`](WatchOptions::changed).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WatchOptions {
    /// The fleets.
    pub fleets: WatchedFleets,
    /// Which drafts are let out.
    pub finalize: FinalizeRule,
    /// Whether releases that are final from the start are left alone.
    pub drafts_only: bool,
    /// Releases that fewer devices run are left out.
    pub min_devices: u64,
    /// How long deltas may keep a draft back.
    pub patience: Duration,
    /// How often the API is asked for news.
    pub interval: Duration,
}

impl WatchOptions {
    /// The usual way to watch these fleets.
    pub fn of(fleets: WatchedFleets) -> Self {
        WatchOptions {
            fleets,
            finalize: FinalizeRule::Never,
            drafts_only: false,
            min_devices: 1,
            patience: Duration::from_secs(30 * 60),
            interval: Duration::from_secs(12),
        }
    }

    /// The options after `change`.
    #[must_use]
    pub fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}
