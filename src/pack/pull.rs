//! What a device that has the base fetches for the target without a delta.

use super::pair::shared_layers;
use crate::image::Image;

/// Bytes that a plain pull fetches of each layer of `target`: none of those that `base` has at the same
/// place on top of the same ones, the blob of any other. `None` where the blob's size is not known.
pub(crate) fn pull_sizes(base: &Image, target: &Image) -> Vec<Option<u64>> {
    let shared = shared_layers(base.config().diff_ids(), target.config().diff_ids());
    let size = |layer| if layer < shared { Some(0) } else { target.pull_size(layer) };
    (0..target.layer_count()).map(size).collect()
}

/// The sum of [`pull_sizes`]; `None` if one of them is not known.
pub(crate) fn pull_bytes(base: &Image, target: &Image) -> Option<u64> {
    pull_sizes(base, target).into_iter().sum()
}
