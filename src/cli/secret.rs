//! Secrets: better in the environment or in files than on the command line, which others can read.

use std::path::Path;

use remora::api::Secret;
use remora::small_file::read_small_text;

use super::failure::Failure;

/// Bytes of a file with a secret: tokens have a few thousand.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// A secret as it was given, or what a file holds, without the line's end.
pub(super) fn secret(given: Option<&str>, file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let text = match (given, file) {
        (Some(given), _) => given.to_owned(),
        (None, Some(path)) => read_small_text(path, MAX_FILE_BYTES)
            .map_err(|error| Failure::io(format!("cannot read {}", path.display()), &error))?,
        (None, None) => return Ok(None),
    };
    let text = text.trim_end_matches(['\r', '\n']);
    Ok(Some(text).filter(|text| !text.is_empty()).map(Secret::new))
}
