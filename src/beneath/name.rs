//! Names of things in a folder: one component of a path each.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;

/// Returns `name` as the system takes it.
///
/// # Errors
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if `name` is more or less than one name.
pub(super) fn one_name(name: &[u8]) -> io::Result<&OsStr> {
    let leads_elsewhere = matches!(name, b"" | b"." | b"..");
    match leads_elsewhere || name.iter().any(|byte| matches!(byte, b'/' | 0)) {
        true => Err(io::Error::new(io::ErrorKind::InvalidInput, "not the name of one thing")),
        false => Ok(OsStr::from_bytes(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_no_names() {
        for name in ["", ".", "..", "a/b", "/", "/a", "a/", "a\0b", "../a"] {
            one_name(name.as_bytes()).expect_err(name);
        }
        for name in ["a", "...", ".a", "a b", "\n", "-"] {
            one_name(name.as_bytes()).expect(name);
        }
    }
}
