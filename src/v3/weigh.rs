//! What a delta that was made costs: its layers, and the files that its bytes are spent on.

use super::file_costs::{FileCosts, LayerCosts};
use super::inspect::inspect_noting;
use super::{DeltaReport, FileCost, V3Error};
use crate::image::{DiffId, Image, UnpackLimits};
use crate::progress::Progress;
use crate::store::{KeptLayer, Store};

/// What a delta costs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weighed {
    /// Its layers.
    pub(crate) report: DeltaReport,
    /// The files of the target that cost the most, the costliest first, as far as layers are at hand.
    pub(crate) files: Vec<FileCost>,
    /// How many layers that the delta brings bytes of are not in the store: nobody can say what their files cost.
    pub(crate) absent_layers: usize,
}

/// Says what the delta image `delta` costs, and which `files` of the target, as many as that, it is spent on. Reads
/// all blobs of the delta; of the target, only what is in the store.
pub(crate) fn weigh(
    delta: &Image,
    store: &Store,
    limits: &UnpackLimits,
    files: usize,
    progress: &dyn Progress,
) -> Result<Weighed, V3Error> {
    let begin = |diff_id: DiffId| match store.kept_layer(diff_id) {
        Ok(Some(KeptLayer::Tar(layer))) => Some(LayerCosts::new(&layer)),
        Ok(Some(KeptLayer::Recipe(_)) | None) | Err(_) => None,
    };
    let (report, layers) = inspect_noting(delta, limits, progress, begin, |costs, command| {
        if let Some(costs) = costs {
            costs.note(command);
        }
    })?;
    let spent = report.layers.iter().zip(&layers).filter(|(layer, _)| layer.literal_bytes > 0);
    let absent_layers = spent.filter(|(_, costs)| costs.is_none()).count();
    let mut costs = FileCosts::default();
    layers.into_iter().flatten().for_each(|layer| costs.add_layer(layer));
    Ok(Weighed { report, files: costs.costliest(files), absent_layers })
}
