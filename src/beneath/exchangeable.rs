//! Folders that another user could exchange while root works in them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

/// The number of root, and of root's group.
const ROOT: u32 = 0;
/// Permission of a folder's group, and of everybody, to give and take names in it.
const GROUP_WRITES: u32 = 0o020;
const ALL_WRITE: u32 = 0o002;
/// Only a file's owner may take its name in such a folder, whoever may write there.
const STICKY: u32 = 0o1000;

/// A folder on the way to a place, or a link, that another user than root could exchange with all that is below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exchangeable {
    pub(crate) path: PathBuf,
    /// The user that owns the folder; `None` if it is root's and others may write there.
    pub(crate) owner: Option<u32>,
}

/// Returns the first folder or link on the way to `place`, as it is named and as it is, that a user other than root
/// could exchange. What is not there yet is passed over.
///
/// # Errors
/// If a folder on the way cannot be looked at.
pub(crate) fn exchangeable_above(place: &Path) -> io::Result<Option<Exchangeable>> {
    let named = std::path::absolute(place)?;
    // What is not there yet will be where the links above it lead.
    let there = named.ancestors().find_map(|path| fs::canonicalize(path).ok());
    let found = there.unwrap_or_else(|| named.clone());
    for path in named.ancestors().chain(found.ancestors()) {
        match fs::symlink_metadata(path) {
            Ok(about) if is_exchangeable(about.uid(), about.gid(), about.mode()) => {
                let owner = Some(about.uid()).filter(|&owner| owner != ROOT);
                return Ok(Some(Exchangeable { path: path.to_owned(), owner }));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(None)
}

/// Whether a user other than root may give another meaning to names in a folder, or to a link.
pub(super) fn is_exchangeable(uid: u32, gid: u32, mode: u32) -> bool {
    let others = (gid != ROOT && mode & GROUP_WRITES != 0) || mode & ALL_WRITE != 0;
    uid != ROOT || (FileType::from_raw_mode(mode).is_dir() && others && mode & STICKY == 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    #[test]
    fn a_folder_that_others_could_exchange_is_found_also_above_and_behind_a_link() {
        let top = tempfile::tempdir().expect("folder");
        let path = |name: &str| top.path().join(name);
        for folder in ["own/app", "other/app", "open/app", "shared/app", "sticky/app"] {
            fs::create_dir_all(path(folder)).expect("made");
        }
        symlink("other", path("link")).expect("made");
        let other = 54_321;
        chown(path("other"), Some(other), None).expect("root may");
        chown(path("shared"), None, Some(other)).expect("root may");
        for (folder, mode) in [("open", 0o777), ("shared", 0o775), ("sticky", 0o1777)] {
            fs::set_permissions(path(folder), fs::Permissions::from_mode(mode)).expect("set");
        }
        let found = |name: &str| exchangeable_above(&path(name)).expect("readable");
        let by = |name: &str, owner| Some(Exchangeable { path: path(name), owner });
        for (place, expected) in [
            ("own/app/not/there", None),
            ("sticky/app", None),
            ("other/app", by("other", Some(other))),
            ("open/app", by("open", None)),
            ("shared/app", by("shared", None)),
        ] {
            assert_eq!(found(place), expected, "{place}");
        }
        for place in ["link/app", "link/new", "link/not/there"] {
            assert_eq!(found(place).map(|it| it.owner), Some(Some(other)), "{place}");
        }
    }
}
