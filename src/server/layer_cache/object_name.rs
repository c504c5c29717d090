//! What layers are called in the bucket.

use object_store::path::Path;

use crate::image::DiffId;

/// What follows the diff ID.
const SUFFIX: &str = ".tar.zst";

pub(super) fn path_of(diff_id: &DiffId) -> Path {
    Path::from(format!("{}{SUFFIX}", diff_id.0.hex()))
}

/// Whether an object may be a layer.
pub(super) fn is_layer(path: &Path) -> bool {
    path.filename().is_some_and(|name| name.ends_with(SUFFIX))
}
