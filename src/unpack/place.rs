//! The folder that an image is unpacked into.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::error::UnpackError;
use crate::beneath::Folder;
use crate::temporary::{TemporaryTree, create_folders, remove_leftover_trees};

/// Where a result goes: a folder that is empty or not there yet.
#[derive(Debug)]
pub(crate) struct Place {
    /// The folder that it is in.
    parent: PathBuf,
    name: OsString,
}

impl Place {
    /// Looks at `dir`, which may be a symbolic link to a folder, and makes the folders above it.
    pub(crate) fn find(dir: &Path) -> Result<Self, UnpackError> {
        let path = match fs::canonicalize(dir) {
            Ok(path) => {
                refuse_full(&path)?;
                path
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !dir.is_symlink() => new(dir)?,
            Err(error) => return Err(UnpackError::place("use", dir)(error)),
        };
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => {
                Ok(Place { parent: parent.to_owned(), name: name.to_owned() })
            }
            _ => Err(UnpackError::place("replace", dir)(io::ErrorKind::ResourceBusy.into())),
        }
    }

    /// The path of what is to be there.
    pub(crate) fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// Begins to make what is to be there, in the folder beside it. What killed processes left there goes first.
    pub(crate) fn begin(&self) -> Result<TemporaryTree, UnpackError> {
        remove_leftover_trees(&self.parent);
        TemporaryTree::new_in(&self.parent).map_err(UnpackError::place("write to", &self.parent))
    }

    /// Gives what was made its name.
    pub(crate) fn publish(&self, site: TemporaryTree) -> Result<(), UnpackError> {
        let path = self.path();
        match site.publish(self.name.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                Err(UnpackError::NotEmpty { path })
            }
            published => published.map_err(UnpackError::place("make", path)),
        }
    }
}

fn refuse_full(path: &Path) -> Result<(), UnpackError> {
    let empty = Folder::open(path).and_then(|folder| folder.is_empty());
    match empty.map_err(UnpackError::place("use", path))? {
        true => Ok(()),
        false => Err(UnpackError::NotEmpty { path: path.to_owned() }),
    }
}

/// The path of a folder that is to be made; those above it are there afterwards.
fn new(dir: &Path) -> Result<PathBuf, UnpackError> {
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    create_folders(parent, 0o777).map_err(UnpackError::place("make", parent))?;
    let parent = fs::canonicalize(parent).map_err(UnpackError::place("use", parent))?;
    let name = dir.file_name();
    let name =
        name.ok_or_else(|| UnpackError::place("make", dir)(io::ErrorKind::NotFound.into()))?;
    Ok(parent.join(name))
}
