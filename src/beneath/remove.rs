//! Removing a folder with all that is in it.

use std::io;

use rustix::io::Errno;

use super::attributes::Target;
use super::folder::{Folder, Identity};

/// How many folders are held open on the way down. Those further up are found again through the folders in them.
const HELD: usize = 32;

/// A folder on the way down to what is being removed.
struct Level {
    /// The folder's name in the one above.
    name: Vec<u8>,
    identity: Identity,
    /// The handle, unless too many are open.
    folder: Option<Folder>,
}

impl Folder {
    /// Removes `name`, whatever it is; of a folder everything below it first. Nothing is followed: what a
    /// symbolic link leads to stays, and so does what is not below this folder any more. Takes no more memory and
    /// open files however deep the tree is, apart from one name a level.
    pub(crate) fn remove_tree(&self, name: &[u8]) -> io::Result<()> {
        match self.remove_file(name) {
            Err(error) if is_folder(&error) => {}
            removed => return removed,
        }
        let mut levels = vec![Level::enter(self, name)?];
        while let Some(mut level) = levels.pop() {
            let folder = level.folder.take().expect("the deepest folder is open");
            match empty(&folder)? {
                Some(below) => {
                    let deeper = Level::enter(&folder, &below)?;
                    level.folder = Some(folder);
                    levels.push(level);
                    let held = levels.len().saturating_sub(HELD);
                    if let Some(far) = levels.get_mut(held.wrapping_sub(1)) {
                        far.folder = None;
                    }
                    levels.push(deeper);
                }
                None => leave(self, &mut levels, &level, &folder)?,
            }
        }
        Ok(())
    }
}

impl Level {
    fn enter(above: &Folder, name: &[u8]) -> io::Result<Self> {
        let folder = match above.open_dir(name) {
            // The owner may have left itself no permission.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Target::Named(above, name).set_mode(0o700)?;
                above.open_dir(name)?
            }
            opened => opened?,
        };
        let identity = folder.identity()?;
        Ok(Level { name: name.to_vec(), identity, folder: Some(folder) })
    }
}

/// Removes what is in `folder` up to the first folder that is not empty. Returns that one's name.
fn empty(folder: &Folder) -> io::Result<Option<Vec<u8>>> {
    for name in folder.names()? {
        let name = name?;
        let mut removed = folder.remove_file(&name);
        if removed.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
            Target::Open(rustix::fd::AsFd::as_fd(folder)).set_mode(0o700)?;
            removed = folder.remove_file(&name);
        }
        match removed {
            Err(error) if is_folder(&error) => match folder.remove_dir(&name) {
                Err(error) if is_full(&error) => return Ok(Some(name)),
                removed => removed?,
            },
            removed => removed?,
        }
    }
    Ok(None)
}

/// Goes up from `folder`, which is empty, and removes it.
fn leave(top: &Folder, levels: &mut [Level], level: &Level, folder: &Folder) -> io::Result<()> {
    let Some(above) = levels.last_mut() else { return top.remove_dir(&level.name) };
    let above = match &mut above.folder {
        Some(above) => above,
        missing => missing.insert(folder.parent(above.identity)?),
    };
    above.remove_dir(&level.name)
}

/// Whether unlink(2) failed because it is for files.
fn is_folder(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::ISDIR))
}

fn is_full(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOTEMPTY | Errno::EXIST))
}
