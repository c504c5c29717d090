//! What unpacking comes to.

use serde::Serialize;

use super::counts::Counts;
use super::options::{Owners, UnpackOptions};
use crate::image::ImageId;
use crate::measure::Measure;
use crate::user_namespace;

/// Where the owners of unpacked files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnersKept {
    /// Files have the owners that the image says.
    Set,
    /// Files have the owners that the image says, as a user namespace maps them.
    Mapped,
    /// Files are the caller's, and owners are in an extended attribute.
    Recorded,
}

/// What was unpacked.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct UnpackReport {
    /// The image.
    pub image_id: ImageId,
    /// Where the owners are.
    pub owners: OwnersKept,
    /// How much was made, and what was not.
    #[serde(flatten)]
    pub counts: Counts,
    /// Wall time, in seconds.
    pub seconds: f64,
    /// The most anonymous memory that the process had meanwhile, in bytes, if anybody looked.
    pub peak_memory: Option<u64>,
}

impl UnpackReport {
    pub(crate) fn new(
        image_id: ImageId,
        options: &UnpackOptions,
        counts: Counts,
        measure: &Measure,
    ) -> Self {
        let owners = match options.owners {
            Owners::Recorded => OwnersKept::Recorded,
            Owners::Set if user_namespace::is_mapped() => OwnersKept::Mapped,
            Owners::Set => OwnersKept::Set,
        };
        let (seconds, peak_memory) = (measure.seconds(), measure.peak_memory());
        UnpackReport { image_id, owners, counts, seconds, peak_memory }
    }
}
