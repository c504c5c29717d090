//! Whose the folders are that deployments lie in: root starts nothing that another user could have exchanged.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::DeployError;
use crate::user_namespace::is_mapped;

/// The number of root.
const ROOT: u32 = 0;

/// Refuses a folder for deployments that a user other than root could exchange while root works there: it, a folder
/// above it or a link on the way belongs to one. Ordinary users choose for themselves, also as root of a namespace.
pub(super) fn refuse_foreign(folder: &Path) -> Result<(), DeployError> {
    if !rustix::process::geteuid().is_root() || is_mapped() {
        return Ok(());
    }
    let found = foreign_above(folder).map_err(DeployError::io("use", folder))?;
    found.map_or(Ok(()), |(path, owner)| Err(DeployError::Foreign { path, owner }))
}

/// The first folder or link on the way to `folder`, as it is named and as it is, that is not root's, and its owner.
fn foreign_above(folder: &Path) -> io::Result<Option<(PathBuf, u32)>> {
    let named = std::path::absolute(folder)?;
    let found = fs::canonicalize(&named).unwrap_or_else(|_| named.clone());
    for path in named.ancestors().chain(found.ancestors()) {
        match fs::symlink_metadata(path) {
            Ok(about) if about.uid() != ROOT => return Ok(Some((path.to_owned(), about.uid()))),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_another_user_is_found_also_above_and_behind_a_link() {
        let top = tempfile::tempdir().expect("folder");
        let path = |name: &str| top.path().join(name);
        fs::create_dir_all(path("own/deployments")).expect("made");
        fs::create_dir_all(path("other/deployments/app")).expect("made");
        std::os::unix::fs::symlink("other", path("link")).expect("made");
        let other = 54_321;
        std::os::unix::fs::chown(path("other"), Some(other), None).expect("root may");
        let found = |name: &str| foreign_above(&path(name)).expect("readable");
        assert_eq!(found("own/deployments/not/there"), None);
        assert_eq!(found("other/deployments/app"), Some((path("other"), other)));
        assert_eq!(found("link/deployments").map(|(_, owner)| owner), Some(other));
    }
}
