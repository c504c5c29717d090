//! What a folder of a server's is called where several servers meet: in a bucket, in a database.

use std::io;
use std::path::Path;

use super::ServerError;
use super::error::{io_error, system_error};
use crate::output::Output;
use crate::small_file::read_small_file;

/// The file of the folder that keeps the name from one start to the next.
const FILE: &str = "owner";
const NAME_BYTES: usize = 8;
/// The longest name that somebody may have put there, in bytes.
const MAX_NAME: u64 = 64;

/// The name of a data folder, which no other has; it is made up the first time.
pub(super) fn folder_name(folder: &Path) -> Result<String, ServerError> {
    let path = folder.join(FILE);
    if let Some(name) = kept_name(&path)? {
        return Ok(name);
    }
    let name = new_name()?;
    keep_name(&path, &name)?;
    Ok(name)
}

/// The name that the file `path` keeps, if it is there.
pub(super) fn kept_name(path: &Path) -> Result<Option<String>, ServerError> {
    match read_small_file(path, MAX_NAME) {
        Ok(text) => name(&text).ok_or_else(|| unusable(path)).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", path)(error)),
    }
}

/// Writes a name into the file `path`.
pub(super) fn keep_name(path: &Path, name: &str) -> Result<(), ServerError> {
    let mut output = Output::open(path).map_err(ServerError::Output)?;
    io::Write::write_all(&mut output, name.as_bytes()).map_err(io_error("write", path))?;
    output.finish().map_err(ServerError::Output)
}

/// The folder name that `text` is, if it is one.
pub(super) fn name(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (!text.is_empty() && text.bytes().all(fits)).then(|| text.to_owned())
}

fn unusable(path: &Path) -> ServerError {
    let reason = "expected one name of letters, digits, '-' and '_'; remove the file for a new one";
    io_error("use", path)(io::Error::new(io::ErrorKind::InvalidData, reason))
}

/// A name that no other folder has.
pub(super) fn new_name() -> Result<String, ServerError> {
    let mut bytes = [0; NAME_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| system_error(io::Error::other(error)))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_keeps_its_name_and_two_have_two() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = folder_name(one.path()).expect("made");
        assert_eq!(folder_name(one.path()).expect("kept"), name);
        assert_ne!(folder_name(other.path()).expect("made"), name);
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (text, right) in [("east-1\n", true), ("", false), ("../other", false), ("a/b", false)]
        {
            fs::write(folder.path().join(FILE), text).unwrap();
            let found = folder_name(folder.path());
            assert_eq!(found.is_ok(), right, "{text:?}: {found:?}");
        }
    }
}
