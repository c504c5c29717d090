//! What layers are called in the bucket.

use object_store::path::Path;

use crate::image::DiffId;

/// Digits of a diff ID.
const DIGITS: usize = 64;

/// What follows the diff ID.
const SUFFIX: &str = ".tar.zst";

pub(super) fn path_of(diff_id: &DiffId) -> Path {
    Path::from(format!("{}{SUFFIX}", diff_id.0.hex()))
}

/// Whether an object is one that servers put there: a bucket may hold much else.
pub(super) fn is_layer(path: &Path) -> bool {
    let Some(digits) = path.as_ref().strip_suffix(SUFFIX) else { return false };
    digits.len() == DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
