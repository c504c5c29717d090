//! What is told about a delta, for people and as JSON. Field names are part of the command line's
//! answers and stay.

use serde::Serialize;

use crate::delta::{CommandStats, Goal};
use crate::image::{DiffId, Digest, ImageId};
use crate::measure::Measure;

/// A delta, layer by layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DeltaReport {
    /// The image that the delta applies to.
    pub base_id: ImageId,
    /// The image that it makes.
    pub target_id: ImageId,
    /// The digest of the delta's manifest; `None` if none was made or the delta has none.
    pub delta_digest: Option<Digest>,
    /// The target's layers, bottom first.
    pub layers: Vec<LayerReport>,
    /// All layers together.
    pub total: Total,
}

/// One layer of the target and what its delta is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LayerReport {
    /// The layer's diff ID.
    pub diff_id: DiffId,
    /// Whether base and target share it: the same chain ID at the same place. A device that has the
    /// base never fetches its blob. `None` if only the delta was looked at.
    pub shared: Option<bool>,
    /// The length of the uncompressed layer in bytes; of a layer that the delta leaves out because
    /// it is shared, 0 if only the delta was looked at.
    pub size: u64,
    /// Bytes that a plain pull of the target fetches for it, on a device that has the base: the
    /// size of its blob, and 0 if it is shared. `None` if the target is not at hand or comes from a
    /// docker archive, which has no blobs.
    pub pull_bytes: Option<u64>,
    /// Bytes of the delta's blob.
    pub delta_bytes: u64,
    /// COPY commands; stretches that come from the base, changed or not, where the dialect has no commands.
    pub copies: u64,
    /// LITERAL commands; stretches that the delta brings, where the dialect has no commands.
    pub literals: u64,
    /// Bytes of the layer that the delta brings.
    pub literal_bytes: u64,
    /// Whether the delta saves anything: its blob is smaller than what a plain pull fetches. A
    /// shared layer is fetched by neither, which is fine too. `None` if the pull's size is not
    /// known.
    pub pays: Option<bool>,
}

/// All layers together.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Total {
    /// Sum over the layers, `None` if it is of any of them.
    pub pull_bytes: Option<u64>,
    /// Sum over the layers.
    pub delta_bytes: u64,
    /// COPY and LITERAL commands of all layers.
    pub commands: u64,
    /// Wall time of the work, in seconds.
    pub seconds: f64,
    /// The most anonymous memory that the process had resident meanwhile, in bytes, looked at every
    /// 10 ms; mapped files don't count. `None` if the caller's
    /// [`Progress`](crate::progress::Progress) does not ask for it, or the system doesn't say.
    pub peak_memory: Option<u64>,
}

impl LayerReport {
    pub(crate) fn new(
        diff_id: DiffId,
        shared: Option<bool>,
        pull_bytes: Option<u64>,
        delta_bytes: u64,
        stats: CommandStats,
    ) -> Self {
        let is_shared = shared == Some(true);
        LayerReport {
            diff_id,
            shared,
            size: stats.target_bytes(),
            pull_bytes: if is_shared { Some(0) } else { pull_bytes },
            delta_bytes,
            copies: stats.copies,
            literals: stats.literals,
            literal_bytes: stats.literal_bytes,
            pays: if is_shared { Some(true) } else { pull_bytes.map(|pull| delta_bytes < pull) },
        }
    }
}

impl DeltaReport {
    pub(crate) fn new(
        base_id: ImageId,
        target_id: ImageId,
        delta_digest: Option<Digest>,
        layers: Vec<LayerReport>,
        measure: &Measure,
    ) -> Self {
        let total = Total {
            pull_bytes: layers.iter().map(|layer| layer.pull_bytes).sum(),
            delta_bytes: layers.iter().map(|layer| layer.delta_bytes).sum(),
            commands: layers.iter().map(|layer| layer.copies + layer.literals).sum(),
            seconds: measure.seconds(),
            peak_memory: measure.peak_memory(),
        };
        DeltaReport { base_id, target_id, delta_digest, layers, total }
    }

    /// How long a device takes to fetch and apply the delta, in seconds, by the model of `device`:
    /// bytes over link rate, and a price for each command. `None` if `device` has no model of time.
    pub fn update_seconds(&self, device: &Goal) -> Option<f64> {
        let &Goal::UpdateTime { bytes_per_second, .. } = device else { return None };
        Some(self.total.delta_bytes as f64 / bytes_per_second + self.command_seconds(device)?)
    }

    /// How long a device runs the delta's commands, beside moving their bytes, in seconds. `None` if
    /// `device` has no model of time.
    pub(crate) fn command_seconds(&self, device: &Goal) -> Option<f64> {
        let &Goal::UpdateTime { copy_seconds, literal_seconds, .. } = device else { return None };
        let sum =
            |count: fn(&LayerReport) -> u64| self.layers.iter().map(count).sum::<u64>() as f64;
        Some(
            sum(|layer| layer.copies) * copy_seconds
                + sum(|layer| layer.literals) * literal_seconds,
        )
    }

    /// How long a device takes to fetch the target without a delta, in seconds, by the same model.
    pub fn pull_seconds(&self, device: &Goal) -> Option<f64> {
        match *device {
            Goal::UpdateTime { bytes_per_second, .. } => {
                Some(self.total.pull_bytes? as f64 / bytes_per_second)
            }
            Goal::Size => None,
        }
    }

    /// How many times smaller the delta is than a plain pull.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.total.pull_bytes? as f64 / self.total.delta_bytes.max(1) as f64)
    }
}
