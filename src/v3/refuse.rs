//! Deltas that no device can apply, or that there is no memory for, and so are not made.

use super::V3Error;
use crate::delta::Options;
use crate::image::Image;
use crate::pack::{Compression, Pair};
use crate::progress::Progress;
use crate::store::Store;

/// Fetches what `store` does not have of the two images, and refuses what no device can apply and what there
/// is no memory for.
pub(super) fn load_pair<'a>(
    base: &'a Image,
    target: &'a Image,
    store: &Store,
    encoding: &Options,
    compression: Compression,
    progress: &dyn Progress,
) -> Result<Pair<'a>, V3Error> {
    refuse_without_layers(base)?;
    let os = target.config().os();
    if !["", "linux"].contains(&os) {
        let reference = target.reference().to_string();
        return Err(V3Error::NotLinux { reference, os: os.to_owned() });
    }
    let pair = Pair::load(base, target, store, progress)?;
    pair.check_memory(encoding.memory, compression.memory())?;
    Ok(pair)
}

/// Devices take the blobs of a delta from an image without layers for plain layers.
pub(crate) fn refuse_without_layers(base: &Image) -> Result<(), V3Error> {
    match base.layer_count() {
        0 => Err(V3Error::BaseWithoutLayers { reference: base.reference().to_string() }),
        _ => Ok(()),
    }
}
