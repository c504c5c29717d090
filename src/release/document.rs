//! The documents that tell of updates. Their keys are those of balena's own tool for balenaCloud, with
//! further ones beside; scripts read them, so none is renamed or given another meaning. A key of that tool
//! that does not apply is left out, one of ours is null.

use serde::Serialize;

/// The state of a service's update, or of all of them together, from the least to the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum UpdateState {
    /// The delta cannot be made. Devices pull the image without one, or ask again and again, as their supervisor has it.
    Failed,
    /// Nobody asked for the delta yet.
    Pending,
    /// The delta is queued or being made.
    Preparing,
    /// Nothing is left to do: the delta is there, or none is needed.
    Ready,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReleaseSummary {
    /// The release's ID.
    pub id: u64,
    /// The release's commit.
    pub commit: String,
    /// The release's version.
    pub raw_version: Option<String>,
    /// Whether the release is final, and no draft.
    pub is_final: bool,
}

/// A fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FleetSummary {
    /// The fleet's ID.
    pub id: u64,
    /// The fleet's slug, `organisation/name`.
    pub slug: String,
}

/// An image of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImageSummary {
    /// The image's ID.
    pub id: u64,
    /// Registry and repository.
    #[serde(rename = "is_stored_at__image_location")]
    pub location: String,
    /// The manifest's digest as openBalena has it; `None` until the image was pushed.
    pub content_hash: Option<String>,
    /// The manifest's digest, also if the registry alone knows it.
    pub digest: Option<String>,
    /// Bytes of all layers, uncompressed; 0 where unknown.
    pub image_size: u64,
}

/// The image that devices get, and the delta that leads to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TargetImage {
    /// The image.
    #[serde(flatten)]
    pub image: ImageSummary,
    /// The delta, if it is there.
    #[serde(rename = "is_produced_by__delta", skip_serializing_if = "Option::is_none")]
    pub delta: Option<DeltaSummary>,
}

/// A delta that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeltaSummary {
    /// 2 or 3.
    pub version: u8,
    /// The image that devices pull, of version 3.
    #[serde(rename = "is_stored_at__location", skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Bytes that devices download: without manifest and config, some 3 kB.
    pub size: u64,
}

/// Where a figure of bytes comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PayloadSource {
    /// Devices have the image.
    Unchanged,
    /// The delta's size.
    Delta,
    /// The compressed layers that devices lack.
    Pull,
    /// The uncompressed image: the registry could not be read.
    ImageSize,
}

/// The update of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServiceUpdate {
    /// The service.
    pub service_name: String,
    /// How it stands with the service.
    pub status: UpdateState,
    /// The image that devices have; `None` for a new service.
    #[serde(rename = "originates_from__image", skip_serializing_if = "Option::is_none")]
    pub source: Option<ImageSummary>,
    /// The image that devices are to get.
    #[serde(rename = "produces__image")]
    pub target: TargetImage,
    /// Whether devices have the image already.
    pub unchanged: bool,
    /// Why it stands so, where there is something to say.
    pub reason: Option<String>,
    /// Deltas before this one in the queue.
    pub position: Option<u64>,
    /// The stage of the work, while the delta is made.
    pub stage: Option<String>,
    /// How far the work is altogether, 0 to 100.
    pub percent: Option<u8>,
    /// Compressed bytes of the layers that devices lack; `None` if the registry could not be read.
    pub pull_size: Option<u64>,
    /// Bytes that the service costs a device now.
    pub payload_size: u64,
    /// Where that figure comes from.
    pub payload_source: PayloadSource,
}

/// A service that the new release lacks: devices remove its container and image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RemovedService {
    /// The service.
    pub service_name: String,
    /// The image that devices have.
    pub image: ImageSummary,
}

/// The update from one release to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UpdateInfo {
    /// The release that devices have.
    #[serde(rename = "originates_from__release")]
    pub source: ReleaseSummary,
    /// The release that devices are to get.
    #[serde(rename = "produces__release")]
    pub target: ReleaseSummary,
    /// The services of the new release, by name.
    #[serde(rename = "is_produced_by__service_update")]
    pub services: Vec<ServiceUpdate>,
    /// The least state of all services; ready for none.
    pub overall_status: UpdateState,
    /// Bytes that a device downloads, each image once; `None` until all services are ready.
    #[serde(rename = "estimated_total_payload_size", skip_serializing_if = "Option::is_none")]
    pub total_payload: Option<u64>,
    /// Bytes that a device would download now, each image once.
    #[serde(rename = "payload_size_now")]
    pub payload_now: u64,
    /// The fleet of both releases.
    pub fleet: FleetSummary,
    /// The services that the new release lacks.
    pub removed_services: Vec<RemovedService>,
}

impl UpdateInfo {
    /// Services that are in this state.
    pub fn count(&self, state: UpdateState) -> usize {
        self.services.iter().filter(|service| service.status == state).count()
    }
}
