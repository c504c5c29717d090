//! What is told about a delta, for people and as JSON. Field names are part of the command line's
//! answers and stay.

use serde::Serialize;

use crate::image::ImageId;
use crate::measure::Measure;

/// A v2 delta that has been made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DeltaReport {
    /// The image that the delta applies to.
    pub base_id: ImageId,
    /// The image that it makes.
    pub target_id: ImageId,
    /// The bytes that a device with the base fetches without a delta; `None` if the target comes from a docker
    /// archive.
    pub pull_bytes: Option<u64>,
    /// Bytes of the delta.
    pub delta_bytes: u64,
    /// The parts that they are made of.
    #[serde(flatten)]
    pub sizes: Sizes,
    /// Wall time of the work, in seconds.
    pub seconds: f64,
    /// The most anonymous memory that the process had resident meanwhile, in bytes, looked at every
    /// 10 ms; mapped files don't count. `None` if the caller's
    /// [`Progress`](crate::progress::Progress) does not ask for it, or the system doesn't say.
    pub peak_memory: Option<u64>,
}

/// The parts of a v2 delta, by their sizes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Sizes {
    /// Bytes of the metadata in front.
    pub metadata_bytes: u64,
    /// Names in the file list.
    pub entries: u64,
    /// Bytes of the file list.
    pub list_bytes: u64,
    /// Files with content.
    pub records: u64,
    /// Bytes of the records.
    pub record_bytes: u64,
    /// Bytes of new files that the delta brings.
    pub literal_bytes: u64,
    /// Bytes of new files that come from old ones.
    pub matched_bytes: u64,
    /// Runs of matched bytes.
    pub runs: u64,
    /// Bytes of the header and the end of the batch.
    pub frame_bytes: u64,
}

impl Sizes {
    /// All bytes of the delta.
    pub fn delta_bytes(&self) -> u64 {
        self.metadata_bytes + self.frame_bytes + self.list_bytes + self.record_bytes
    }
}

impl DeltaReport {
    pub(super) fn new(
        base_id: ImageId,
        target_id: ImageId,
        pull_bytes: Option<u64>,
        sizes: Sizes,
        measure: &Measure,
    ) -> Self {
        DeltaReport {
            base_id,
            target_id,
            pull_bytes,
            delta_bytes: sizes.delta_bytes(),
            sizes,
            seconds: measure.seconds(),
            peak_memory: measure.peak_memory(),
        }
    }
}
