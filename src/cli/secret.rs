//! Secrets: better in the environment or in files than on the command line, which others can read.

use std::fs;
use std::path::Path;

use remora::api::Secret;

use super::failure::Failure;

/// A secret as it was given, or what a file holds, without the line's end.
pub(super) fn secret(given: Option<&str>, file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let text = match (given, file) {
        (Some(given), _) => given.to_owned(),
        (None, Some(path)) => fs::read_to_string(path)
            .map_err(|error| Failure::io(format!("cannot read {}", path.display()), &error))?,
        (None, None) => return Ok(None),
    };
    let text = text.trim_end_matches(['\r', '\n']);
    Ok(Some(text).filter(|text| !text.is_empty()).map(Secret::new))
}
