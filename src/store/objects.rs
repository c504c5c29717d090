//! The folder of files that deployments share.
//!
//! An object is a hard link of a file in a deployment, so that both have the one inode: content, owner, mode, times and
//! attributes. Nothing here is written to; a file that is not what its name says is dropped.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use composefs_ioctls::fsverity::{EnableVerityError, fs_ioc_enable_verity};
use rustix::io::Errno;

use super::check::hash_file;
use super::error::{io_error, is_unreadable};
use super::format::WITH_RECIPES;
use super::object_id::ObjectId;
use super::proof::{Looks, Proof, found, is_sealed, prove};
use super::{Store, StoreError};
use crate::beneath::Folder;
use crate::temporary::create_folders;
use crate::user_namespace::is_machine_root;

/// How many hex digits of an object's name its folder is named by.
const FOLDER_DIGITS: usize = 2;
/// What an object is called on the way to its place.
const REPLACING: &[u8] = b".object";
/// The hash of fs-verity's trees, and the block that each hash in it is of (linux/fsverity.h).
const VERITY_SHA256: u8 = 1;
const VERITY_BLOCK: u32 = 4096;

/// The objects of a store.
#[derive(Debug)]
pub(crate) struct Objects {
    folder: Folder,
    path: PathBuf,
    /// Whether the file system has fs-verity, as far as is known.
    seals: AtomicBool,
    /// Whether they are the machine's root's, and nobody else's to choose.
    for_root: bool,
}

/// What was found of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    /// The object is what it is known by, has so many bytes, and is this file, by device and inode.
    Sound { bytes: u64, identity: (u64, u64) },
    /// The object was damaged, and has been taken away.
    Damaged,
    /// There is none.
    Gone,
}

/// What came of a link to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linked {
    Yes,
    /// There is no object, or it was taken away because its content is another, or can have no more names.
    No,
    /// The object does not look right: whoever makes the file anew is to replace it.
    Unlike,
}

impl Store {
    pub(super) fn objects_folder(&self) -> PathBuf {
        self.path().join("objects")
    }

    /// Returns whether deployments may share files with the store.
    pub fn has_objects(&self) -> bool {
        self.objects_folder().exists()
    }

    /// The objects, of which there may be none yet.
    ///
    /// # Errors
    /// If their folder cannot be made or opened.
    pub(crate) fn objects(&self) -> Result<Objects, StoreError> {
        let path = self.objects_folder();
        if !path.exists() {
            self.raise_format(WITH_RECIPES)?;
        }
        create_folders(&path, 0o700).map_err(io_error("create", &path))?;
        let folder = Folder::open(&path).map_err(io_error("open", &path))?;
        Ok(Objects { folder, path, seals: AtomicBool::new(true), for_root: is_machine_root() })
    }
}

impl Objects {
    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the object is.
    pub(super) fn path_of(&self, id: ObjectId) -> PathBuf {
        self.path.join(shelf_name(id)).join(id.to_string())
    }

    /// Whether hard links may lead from here to `folder`: both are on one file system.
    pub(crate) fn is_beside(&self, folder: &Folder) -> io::Result<bool> {
        Ok(self.folder.device()? == folder.device()?)
    }

    /// Whether they can be made now: both are also seen through one mount.
    pub(crate) fn may_link_to(&self, folder: &Folder) -> io::Result<bool> {
        Ok(self.is_beside(folder)? && self.folder.mount() == folder.mount())
    }

    /// Makes `name` in `to` another name of the object, if there is one, and it looks right and has its content. An object
    /// with another content is taken away.
    ///
    /// # Errors
    /// If the link cannot be made for a reason of the disk's or of `to`.
    pub(crate) fn link_out(
        &self,
        id: ObjectId,
        looks: Looks<'_>,
        to: &Folder,
        name: &[u8],
    ) -> io::Result<Linked> {
        let Some(folder) = self.shelf(id)? else { return Ok(Linked::No) };
        let own = id.to_string();
        match prove(&folder, own.as_bytes(), id, looks, is_sealed)? {
            Some(Proof::Sound) => {}
            Some(Proof::Wrong) => {
                remove(&folder, own.as_bytes())?;
                return Ok(Linked::No);
            }
            Some(Proof::Unlike) => return Ok(Linked::Unlike),
            Some(Proof::Hidden) | None => return Ok(Linked::No),
        }
        match folder.make_hard_link(own.as_bytes(), to, name) {
            Ok(()) => Ok(Linked::Yes),
            Err(error) if is_no_way(&error) => Ok(Linked::No),
            Err(error) => Err(error),
        }
    }

    /// Makes `name` in `from` an object if it looks right and has the content, unless there is one already. Returns whether
    /// there is one now.
    ///
    /// # Errors
    /// If the link cannot be made for a reason of the disk's.
    pub(crate) fn link_in(
        &self,
        id: ObjectId,
        looks: Looks<'_>,
        from: &Folder,
        name: &[u8],
    ) -> io::Result<bool> {
        if prove(from, name, id, looks, |_| false)? != Some(Proof::Sound) {
            return Ok(false);
        }
        let folder = self.make_shelf(id)?;
        let own = id.to_string();
        match from.make_hard_link(name, &folder, own.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(true),
            Err(error) if is_no_way(&error) => return Ok(false),
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        self.seal(&folder, own.as_bytes());
        Ok(true)
    }

    /// Has the system refuse to change or misread the file from now on, where it offers that (fs-verity).
    fn seal(&self, folder: &Folder, name: &[u8]) {
        if !self.seals.load(Ordering::Relaxed) {
            return;
        }
        let Ok(file) = folder.open_file(name) else { return };
        let sealed = fs_ioc_enable_verity(&file, VERITY_SHA256, VERITY_BLOCK);
        if let Err(EnableVerityError::FilesystemNotSupported) = sealed {
            self.seals.store(false, Ordering::Relaxed);
        }
    }

    /// Puts the file `name` of `from` in the place of the object, if it looks right and has the content. `from` holds what is
    /// half-done, and takes one more name meanwhile.
    ///
    /// # Errors
    /// If the link cannot be made for a reason of the disk's.
    pub(crate) fn replace(
        &self,
        id: ObjectId,
        looks: Looks<'_>,
        from: (&Folder, &[u8]),
        site: &Folder,
    ) -> io::Result<()> {
        let (folder, name) = from;
        if prove(folder, name, id, looks, |_| false)? != Some(Proof::Sound) {
            return Ok(());
        }
        found(site.remove_file(REPLACING))?;
        folder.make_hard_link(name, site, REPLACING)?;
        self.move_in(id, site, REPLACING)
    }

    /// Moves the file `name` of `from` among the objects.
    pub(super) fn move_in(&self, id: ObjectId, from: &Folder, name: &[u8]) -> io::Result<()> {
        from.rename(name, &self.make_shelf(id)?, id.to_string().as_bytes())
    }

    /// Opens the object for reading.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    pub(crate) fn open(&self, id: ObjectId) -> io::Result<File> {
        let folder = self.shelf(id)?.ok_or(io::ErrorKind::NotFound)?;
        folder.open_file(id.to_string().as_bytes()).map_err(|error| match is_no_file(&error) {
            true => io::Error::new(io::ErrorKind::InvalidData, "something else is in its place"),
            false => error,
        })
    }

    /// Returns the length of the object, if it is there.
    pub(crate) fn len(&self, id: ObjectId) -> io::Result<Option<u64>> {
        let Some(folder) = self.shelf(id)? else { return Ok(None) };
        let held = found(folder.open_handle(id.to_string().as_bytes()))?;
        held.map(|held| Ok(held.metadata()?.len())).transpose()
    }

    /// Compares the object with what it is known by, and takes it away if it differs or the disk cannot give it back. One of
    /// another length than `known` need not be read.
    pub(super) fn check(&self, id: ObjectId, known: Option<u64>) -> io::Result<Checked> {
        let read = self.open(id).and_then(|file| {
            let about = file.metadata()?;
            if known.is_some_and(|len| len != about.len()) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            Ok((hash_file(&file)?, (about.dev(), about.ino())))
        });
        match read {
            Ok(((bytes, digest), identity)) if digest == id.content => {
                return Ok(Checked::Sound { bytes, identity });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Checked::Gone),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
            Err(error) if !is_unreadable(&error) => return Err(error),
            _ => {}
        }
        // A deployment keeps its name of the file until it is mended.
        self.remove(id)?;
        Ok(Checked::Damaged)
    }

    /// Takes the object away, or an empty folder in its place; deployments keep their names of the file.
    pub(super) fn remove(&self, id: ObjectId) -> io::Result<()> {
        match self.shelf(id)? {
            Some(folder) => remove(&folder, id.to_string().as_bytes()),
            None => Ok(()),
        }
    }

    /// Makes the names of all objects durable.
    ///
    /// # Errors
    /// If the file system cannot be synced.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.folder.sync_file_system()
    }

    /// Calls `look` with each object and its file, of those that can be opened without reading them.
    pub(super) fn each(
        &self,
        mut look: impl FnMut(ObjectId, &File) -> io::Result<()>,
    ) -> io::Result<()> {
        for name in self.folder.names()? {
            // What is no folder holds none.
            let Ok(folder) = self.folder.open_dir(&name?) else { continue };
            // All names are known before any of them goes.
            let names: Vec<Vec<u8>> = folder.names()?.collect::<io::Result<_>>()?;
            for name in names {
                let id = std::str::from_utf8(&name).ok().and_then(ObjectId::parse);
                let (Some(id), Some(file)) = (id, found(folder.open_handle(&name))?) else {
                    continue;
                };
                look(id, &file)?;
            }
        }
        Ok(())
    }

    /// The folder that holds the object, if it is there. Root takes no files out of a folder that another user could fill.
    fn shelf(&self, id: ObjectId) -> io::Result<Option<Folder>> {
        let shelf = match self.folder.open_dir(shelf_name(id).as_bytes()) {
            Err(error) if is_no_file(&error) => None,
            opened => found(opened)?,
        };
        match &shelf {
            Some(folder) if self.for_root && folder.is_exchangeable()? => {
                let problem = "a folder of shared files can be changed by other users than root";
                Err(io::Error::new(io::ErrorKind::PermissionDenied, problem))
            }
            _ => Ok(shelf),
        }
    }

    fn make_shelf(&self, id: ObjectId) -> io::Result<Folder> {
        match self.shelf(id)? {
            Some(folder) => Ok(folder),
            None => match self.folder.make_dir(shelf_name(id).as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let name = shelf_name(id);
                    self.folder.open_dir(name.as_bytes()).or_else(|_| {
                        // Something that is no folder: nothing that is ours is lost with it.
                        self.folder.remove_file(name.as_bytes())?;
                        self.folder.make_dir(name.as_bytes())
                    })
                }
                made => made,
            },
        }
    }
}

/// Removes a file, or whatever else stands in its place and has nothing in it.
fn remove(folder: &Folder, name: &[u8]) -> io::Result<()> {
    match folder.remove_file(name) {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => folder.remove_dir(name),
        removed => found(removed).map(drop),
    }
}

/// Whether an error says that what has the name is another kind of thing.
fn is_no_file(error: &io::Error) -> bool {
    const OTHERS: [Errno; 4] = [Errno::LOOP, Errno::NOTDIR, Errno::INVAL, Errno::NXIO];
    error.kind() == io::ErrorKind::InvalidInput
        || Errno::from_io_error(error).is_some_and(|errno| OTHERS.contains(&errno))
}

fn shelf_name(id: ObjectId) -> String {
    id.content.hex()[..FOLDER_DIGITS].to_owned()
}

/// Whether an object cannot be linked although nothing is wrong: it has as many names as a file may have, has just gone,
/// or is on another mount, or is nothing that this user may give names.
fn is_no_way(error: &io::Error) -> bool {
    const NO_WAY: [Errno; 4] = [Errno::MLINK, Errno::NOENT, Errno::XDEV, Errno::PERM];
    Errno::from_io_error(error).is_some_and(|errno| NO_WAY.contains(&errno))
}
