//! Whether what is on disk looks as the image says: everything but the content of files.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use super::file_tree::FileInode;
use super::options::Owners;
use super::owner::{OWNER_RECORD, SET_ID, has_room, record};
use super::xattrs::{XATTR_RECORD_PREFIX, is_of_host};
use crate::beneath::{Folder, Target, read_xattrs};
use crate::rootfs::{Device, Kind};

/// Attributes that a system gives to all files by itself.
const OF_SYSTEMS: [&[u8]; 4] =
    [b"security.selinux", b"security.SMACK64", b"security.ima", b"security.evm"];
/// The bits of a mode that say who may do what.
const PERMISSIONS: u32 = 0o7777;

/// What stands on disk.
pub(super) struct Found {
    about: Metadata,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    link: Option<Vec<u8>>,
}

/// How extended attributes differ from those that the image gives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Xattrs<'f> {
    /// Whether there is one too few, or the owner is neither the image's nor recorded.
    pub(super) lacks: bool,
    /// The names of those that the image does not give.
    pub(super) extra: Vec<&'f [u8]>,
}

impl Found {
    /// Looks at what has the name `name` in `folder`, if anything has.
    pub(super) fn of(folder: &Folder, name: &[u8]) -> io::Result<Option<Self>> {
        match folder.open_handle(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            held => Self::at(&held?).map(Some),
        }
    }

    /// Looks at what is held ([`Folder::open_handle`](crate::beneath::Folder::open_handle)).
    pub(super) fn at(held: &File) -> io::Result<Self> {
        let about = held.metadata()?;
        let link = match about.is_symlink() {
            true => Some(rustix::fs::readlinkat(held, "", Vec::new())?.into_bytes()),
            false => None,
        };
        Ok(Found { about, xattrs: read_xattrs(held)?, link })
    }

    /// Returns which inode it is.
    pub(super) fn identity(&self) -> (u64, u64) {
        (self.about.dev(), self.about.ino())
    }

    pub(super) fn is_directory(&self) -> bool {
        self.about.is_dir()
    }

    /// Returns whether it looks as `inode` says, made by this user with `owners`. Folders may have any time here: whoever
    /// mounts something there changes it.
    pub(super) fn is_like(&self, inode: &FileInode<'_>, owners: Owners) -> bool {
        let is_stand_in = self.is_stand_in(inode);
        (is_stand_in || (self.has_kind(inode) && self.has_mode(inode, owners)))
            && (inode.is_directory() || self.has_time(inode))
            && self.xattrs(inode, owners) == Xattrs::default()
    }

    /// Compares the extended attributes with those that the image gives, and the owner with them: it may be recorded.
    pub(super) fn xattrs(&self, inode: &FileInode<'_>, owners: Owners) -> Xattrs<'_> {
        let mut lacks = false;
        let mut left: Vec<(&[u8], &[u8])> =
            self.xattrs.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let mut take = |name: &[u8], value: &[u8]| {
            let place = left.iter().position(|it| *it == (name, value));
            place.map(|place| left.swap_remove(place)).is_some()
        };
        let has_room = has_room(&inode.kind);
        for (name, value) in inode.xattrs().iter().filter(|(name, _)| !is_of_host(name)) {
            let recorded = [XATTR_RECORD_PREFIX.as_bytes(), name].concat();
            if !take(name, value) && !take(&recorded, value) && has_room {
                lacks = true;
            }
        }
        if self.is_stand_in(inode) || !self.has_owner(inode, owners) {
            let owner = record(inode.attributes, &inode.kind);
            let is_recorded = take(OWNER_RECORD.as_bytes(), owner.as_bytes());
            let is_own = self.about.uid() == rustix::process::geteuid().as_raw();
            let has_room = has_room || self.is_stand_in(inode);
            lacks |= !is_own || (has_room && !is_recorded);
        }
        let names = left.into_iter().map(|(name, _)| name);
        let extra =
            names.filter(|name| !OF_SYSTEMS.iter().any(|it| name.starts_with(it))).collect();
        Xattrs { lacks, extra }
    }

    /// Takes the extended attributes away that the image does not give, from what was looked at.
    pub(super) fn remove_extra_xattrs(
        &self,
        target: Target<'_>,
        inode: &FileInode<'_>,
        owners: Owners,
    ) -> io::Result<()> {
        let extra = self.xattrs(inode, owners).extra;
        extra.into_iter().try_for_each(|attribute| target.remove_xattr(attribute))
    }

    fn has_kind(&self, inode: &FileInode<'_>) -> bool {
        let (about, kind) = (&self.about, self.about.file_type());
        let is_device =
            |device: Device| about.rdev() == rustix::fs::makedev(device.major, device.minor);
        match inode.kind {
            Kind::Directory(_) => kind.is_dir(),
            Kind::File(content) => {
                let size = inode.holes().map_or(content.len(), |map| map.size());
                kind.is_file() && about.len() == size
            }
            Kind::Symlink(target) => self.link.as_deref() == Some(target),
            Kind::Fifo => kind.is_fifo(),
            Kind::CharDevice(device) => kind.is_char_device() && is_device(device),
            Kind::BlockDevice(device) => kind.is_block_device() && is_device(device),
        }
    }

    /// Whether it is the empty file that stands for a device.
    fn is_stand_in(&self, inode: &FileInode<'_>) -> bool {
        let is_device = matches!(inode.kind, Kind::CharDevice(_) | Kind::BlockDevice(_));
        is_device && self.about.is_file() && self.about.len() == 0
    }

    /// Whether it belongs to whom the image says.
    fn has_owner(&self, inode: &FileInode<'_>, owners: Owners) -> bool {
        let wanted = (inode.attributes.uid, inode.attributes.gid);
        owners == Owners::Set && (self.about.uid(), self.about.gid()) == wanted
    }

    fn has_mode(&self, inode: &FileInode<'_>, owners: Owners) -> bool {
        let wanted = inode.attributes.mode;
        let hides = !self.has_owner(inode, owners) && !inode.is_directory();
        let wanted = if hides { wanted & !SET_ID } else { wanted };
        self.about.is_symlink() || self.about.mode() & PERMISSIONS == u32::from(wanted)
    }

    pub(super) fn has_time(&self, inode: &FileInode<'_>) -> bool {
        let wanted = inode.attributes.mtime;
        (self.about.mtime(), self.about.mtime_nsec()) == (wanted.seconds, wanted.nanoseconds.into())
    }
}

/// Whether what is held looks as `inode` says, made by this user with `owners`.
pub(super) fn looks_like(held: &File, inode: &FileInode<'_>, owners: Owners) -> io::Result<bool> {
    Ok(Found::at(held)?.is_like(inode, owners))
}
