//! Proving a delta before anybody can fetch it: its blobs are read back, applied, and compared
//! with the target's diff IDs.

use std::io;
use std::path::Path;

use super::rebuild::rebuild;
use super::{LayerError, V3Error};
use crate::delta::Base;
use crate::image::DiffId;
use crate::pack::{Follower, Growth, Pair, Source};
use crate::progress::{Progress, Reported, Stage};

/// Says how much [`verify_layer`] will have to do for all layers of `pair`.
pub(super) fn expect(pair: &Pair<'_>, progress: &dyn Progress) {
    progress.expect(Stage::Verify, pair.target_layers.iter().map(|layer| layer.len() as u64).sum());
}

/// Checks that the delta in the file `blob`, which may still be growing, makes layer number `index` of
/// the target.
pub(super) fn verify_layer(
    pair: &Pair<'_>,
    base: &Base<'_>,
    index: usize,
    blob: &Path,
    growth: &Growth,
    progress: &dyn Progress,
) -> Result<(), V3Error> {
    let layer = &pair.target_layers[index];
    let check = || {
        let blob = Follower::open(blob, growth).map_err(LayerError::of_read)?;
        let out = Reported::new(io::sink(), Stage::Verify, progress);
        let rebuilt = rebuild(blob, base, None, out, layer.len() as u64)?;
        expect_diff_id(layer.diff_id(), rebuilt.diff_id)
    };
    check().map_err(V3Error::layer(index))
}

/// Refuses a layer that hashes to `actual` instead of `expected`.
pub(super) fn expect_diff_id(expected: DiffId, actual: DiffId) -> Result<(), LayerError> {
    if actual == expected { Ok(()) } else { Err(LayerError::WrongDiffId { expected, actual }) }
}

/// Checks layer number `index` of the base: a delta made from damaged bytes would rebuild here, but
/// on no device. What is copied whole into the target is checked there.
pub(super) fn verify_base_layer(pair: &Pair<'_>, index: usize) -> Result<(), V3Error> {
    let layer = &pair.base_layers[index];
    let copied = pair.sources.get(index) == Some(&Source::Shared)
        || pair.sources.contains(&Source::Moved(index));
    if copied { Ok(()) } else { Ok(layer.verify_loaded()?) }
}
