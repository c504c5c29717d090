//! Reading a delta image without its base.

use std::sync::atomic::AtomicU64;

use rayon::prelude::*;

use super::labels::DeltaLabels;
use super::rebuild::{Content, expect_blobs, open, open_blob};
use super::{DeltaReport, LayerError, LayerReport, V3Error};
use crate::delta::{Command, CommandStats};
use crate::image::{DiffId, Excess, Image, UnpackLimits};
use crate::measure::Measure;
use crate::progress::Progress;

/// Says what the delta image `delta` is made of, ours or balena-engine's. Reads all its blobs.
///
/// # Errors
/// If the delta cannot be read, or makes more than `limits` allow.
pub fn inspect(
    delta: &Image,
    limits: &UnpackLimits,
    progress: &dyn Progress,
) -> Result<DeltaReport, V3Error> {
    inspect_noting(delta, limits, progress, |_| (), |(), _| ()).map(|(report, _)| report)
}

/// The same, with what `note` makes of each layer's commands, out of what `begin` gives for the layer's diff ID.
pub(super) fn inspect_noting<N: Send>(
    delta: &Image,
    limits: &UnpackLimits,
    progress: &dyn Progress,
    begin: impl Fn(DiffId) -> N + Sync,
    note: impl Fn(&mut N, &Command) + Sync,
) -> Result<(DeltaReport, Vec<N>), V3Error> {
    let measure = Measure::start(progress);
    let labels = DeltaLabels::of(delta)?;
    expect_blobs(delta, progress);
    let layers = (0..delta.layer_count())
        .into_par_iter()
        .map(|index| {
            let diff_id = labels.target.diff_ids()[index];
            let mut notes = begin(diff_id);
            let each = |command: &Command| note(&mut notes, command);
            let (delta_bytes, stats) =
                count(delta, index, limits, progress, each).map_err(V3Error::layer(index))?;
            Ok((LayerReport::new(diff_id, None, None, delta_bytes, stats), notes))
        })
        .collect::<Vec<Result<_, V3Error>>>();
    let (layers, notes): (Vec<_>, Vec<N>) =
        layers.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let target_bytes = layers.iter().fold(0, |sum: u64, layer| sum.saturating_add(layer.size));
    if target_bytes > limits.image_bytes {
        return Err(V3Error::TooLarge(Excess::Image(limits.image_bytes)));
    }
    let digest = delta.manifest().map(|manifest| manifest.digest());
    Ok((DeltaReport::new(labels.base, labels.target.id(), digest, layers, &measure), notes))
}

/// The length and the commands of layer number `index`.
fn count(
    delta: &Image,
    index: usize,
    limits: &UnpackLimits,
    progress: &dyn Progress,
    note: impl FnMut(&Command),
) -> Result<(u64, CommandStats), LayerError> {
    let bytes = AtomicU64::new(0);
    let blob = open_blob(delta, index, &bytes, progress)?;
    let stats = match open(blob)? {
        Content::Delta(stream) => stream.count(limits.layer_bytes, note)?,
        Content::Nothing => CommandStats::default(),
    };
    Ok((bytes.into_inner(), stats))
}
