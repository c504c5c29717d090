//! What a watcher tells of its decisions.

use std::fmt;

use serde::Serialize;

/// What a watcher has to tell.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum WatchNews<'a> {
    /// Something was decided about a release.
    Decided(&'a WatchEvent),
    /// The link rates that all watched fleets are set to now (the variable `REMORA_LINK_RATE`), by slug,
    /// as people write rates.
    Links(&'a [(String, String)]),
}

/// A decision about a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WatchEvent {
    /// The fleet's slug.
    pub fleet: String,
    /// The release's ID.
    pub release: u64,
    /// The decision.
    #[serde(flatten)]
    pub decision: Decision,
}

/// What was decided about a release, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decision {
    /// Its deltas were asked for.
    Asked {
        /// Deltas that serve the fleet's devices.
        deltas: u64,
        /// Devices that they serve.
        devices: u64,
    },
    /// Nothing is left to make.
    Done {
        /// Deltas that are there, or not worth it.
        ready: u64,
        /// Deltas that cannot be made.
        failed: u64,
    },
    /// Its deltas have taken too long, and are no longer waited for.
    Overdue {
        /// Deltas that are not there yet.
        left: u64,
    },
    /// The draft was let out.
    Finalized,
    /// The draft waits for its tag.
    WaitsForTag,
    /// The release is not a good one any more, and is left alone.
    Dropped,
}

impl Decision {
    /// Every decision's name, as metrics have them.
    pub const NAMES: [&str; 6] =
        ["asked", "done", "overdue", "finalized", "waits_for_tag", "dropped"];

    /// The decision's name.
    pub fn name(&self) -> &'static str {
        let [asked, done, overdue, finalized, waits, dropped] = Self::NAMES;
        match self {
            Decision::Asked { .. } => asked,
            Decision::Done { .. } => done,
            Decision::Overdue { .. } => overdue,
            Decision::Finalized => finalized,
            Decision::WaitsForTag => waits,
            Decision::Dropped => dropped,
        }
    }
}

impl fmt::Display for WatchEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: release {}: ", self.fleet, self.release)?;
        match &self.decision {
            Decision::Asked { deltas: 0, .. } => out.write_str("needs no deltas"),
            Decision::Asked { deltas, devices } => {
                let (deltas, devices) = (counted(*deltas, "delta"), counted(*devices, "device"));
                write!(out, "asked for {deltas} for {devices}")
            }
            Decision::Done { ready, failed: 0 } => {
                write!(out, "{} ready", counted(*ready, "delta"))
            }
            Decision::Done { ready, failed } => {
                write!(out, "{} ready, {failed} cannot be made", counted(*ready, "delta"))
            }
            Decision::Overdue { left } => {
                write!(out, "{} not ready in time, no longer waited for", counted(*left, "delta"))
            }
            Decision::Finalized => out.write_str("let out"),
            Decision::WaitsForTag => {
                out.write_str("a draft that waits for the tag remora-finalize")
            }
            Decision::Dropped => out
                .write_str("no good release (invalidated, failed, or without images), left alone"),
        }
    }
}

/// A number of things, in words.
fn counted(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
