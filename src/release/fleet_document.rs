//! The documents that tell of a whole fleet.

use serde::Serialize;

use super::document::{FleetSummary, PayloadSource, ReleaseSummary, UpdateState};

/// Devices of a fleet that run the same release and ask for the same kind of delta.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunningRelease {
    /// The release; `None` for devices that have never told, or whose release is gone.
    pub release: Option<ReleaseSummary>,
    /// `v2` or `v3`.
    pub delta_format: &'static str,
    /// Devices that follow the fleet.
    pub devices: u64,
    /// Devices that follow the fleet and are on their way to this release.
    pub coming: u64,
    /// Devices that are kept at a release.
    pub pinned: u64,
}

/// A delta that some of the fleet's devices need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FleetPair {
    /// The service.
    pub service_name: String,
    /// The release that the devices run.
    pub from_release: u64,
    /// `v2` or `v3`.
    pub delta_format: &'static str,
    /// Devices that run that release and follow the fleet.
    pub devices: u64,
    /// Devices that are on their way to that release.
    pub coming: u64,
    /// How it stands.
    pub status: UpdateState,
    /// Whether the devices have the image already.
    pub unchanged: bool,
    /// Why it stands so, where there is something to say.
    pub reason: Option<String>,
    /// Deltas before this one in the queue.
    pub position: Option<u64>,
    /// The stage of the work, while the delta is made.
    pub stage: Option<String>,
    /// How far the work is altogether, 0 to 100.
    pub percent: Option<u8>,
    /// Bytes of the delta, if it is there.
    pub delta_size: Option<u64>,
    /// Compressed bytes of the layers that the devices lack.
    pub pull_size: Option<u64>,
    /// Bytes that the service costs one of these devices now.
    pub payload_size: u64,
    /// Where that figure comes from.
    pub payload_source: PayloadSource,
}

/// The update of a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FleetUpdate {
    /// The fleet.
    pub fleet: FleetSummary,
    /// The release that the devices are to get.
    #[serde(rename = "produces__release")]
    pub target: ReleaseSummary,
    /// The releases that its devices run, the most devices first.
    pub running: Vec<RunningRelease>,
    /// What devices that follow the fleet need, the most devices first.
    pub pairs: Vec<FleetPair>,
    /// All devices.
    pub devices: u64,
    /// Devices that are to be updated and can be served by deltas.
    pub devices_to_update: u64,
    /// Bytes over the air if every device pulled the images.
    pub pull_total: u64,
    /// Bytes over the air as the deltas stand now.
    pub payload_total: u64,
    /// Whether the time ended before all deltas were there.
    pub timed_out: bool,
    /// Whether the release was let out.
    pub finalized: bool,
}
