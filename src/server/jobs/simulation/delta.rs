//! Deltas by numbers, as a simulation names them.

use std::sync::Arc;

use crate::Dialect;
use crate::image::Digest;
use crate::server::build::{Built, BuiltPlace};
use crate::server::pair::{Pair, PinnedImage};

/// A delta: one service of a fleet, from one release to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Delta {
    /// Which fleet.
    pub fleet: u32,
    /// Which of the services.
    pub service: u32,
    /// The release that devices have.
    pub source: u32,
    /// The release that they are to get.
    pub target: u32,
}

/// What an answer is.
#[derive(Debug)]
pub enum Answer {
    /// The delta is there, and is of so many bytes.
    Ready(u64),
    /// The same, which only the ledger knew.
    LookedUp(u64),
    /// The request is held.
    Waits(Wait),
    /// The queue is full, or the fleet has its share of it.
    Full,
}

/// A request that is held.
#[derive(Debug)]
pub struct Wait {
    pub(super) server: usize,
    pub(super) pair: Arc<Pair>,
    pub(super) job: u64,
}

/// A delta that a server begins to make.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    /// Which server.
    pub server: usize,
    /// Which delta.
    pub delta: Delta,
}

/// A delta that was made.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    /// What a device fetches.
    pub bytes: u64,
    /// What the device would fetch without the delta.
    pub pull_bytes: u64,
    /// How long making it took, in seconds.
    pub seconds: f64,
}

impl Delta {
    /// The pair, with names as long as those that openBalena gives.
    pub(super) fn pair(&self) -> Pair {
        let image = |release: u32| {
            let text = format!("{} {} {release}", self.fleet, self.service);
            let digest = Digest::of(text.as_bytes());
            let hex = digest.to_string();
            let name = hex.trim_start_matches("sha256:").get(..32).unwrap_or(&hex);
            PinnedImage { repository: format!("v2/{name}"), digest }
        };
        Pair { format: Dialect::V3, source: image(self.source), target: image(self.target) }
    }
}

impl Made {
    pub(super) fn built(self) -> Built {
        let digest = Digest::of(&self.bytes.to_be_bytes());
        Built {
            place: BuiltPlace::Tag { tag: "delta-0123456789abcdef".to_owned(), digest },
            bytes: self.bytes,
            pull_bytes: Some(self.pull_bytes),
            commands: 1,
            seconds: self.seconds,
        }
    }
}
