//! A folder that is held open, and what can be made in it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Gid, Mode, OFlags, RenameFlags, StatxFlags, Uid,
};
use rustix::io::Errno;

use super::exchangeable::is_exchangeable;
use super::name::one_name;
use super::resolve::{FOLDER, open_below};

/// A handle of a folder. The folder stays the same whatever becomes of its name.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

/// Which file or folder something is, among all of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

/// Things without content that have a name in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// A character device, by major and minor number.
    CharDevice(u32, u32),
    /// A block device, by major and minor number.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}

impl Folder {
    /// Opens the folder that a person or a setting names: links in `path` are followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Folder(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Makes the folder `name`, which only its owner may enter until it gets a mode, and opens it.
    pub(crate) fn make_dir(&self, name: &[u8]) -> io::Result<Self> {
        rustix::fs::mkdirat(&self.0, one_name(name)?, Mode::RWXU)?;
        self.open_dir(name).inspect_err(|_| {
            // The error is the one to report.
            let _ = self.remove_dir(name);
        })
    }

    /// Opens the folder `name`.
    pub(crate) fn open_dir(&self, name: &[u8]) -> io::Result<Self> {
        Ok(Folder(rustix::fs::openat(&self.0, one_name(name)?, FOLDER, Mode::empty())?))
    }

    /// Opens the folder at `path`: names with slashes between them. This folder itself if `path` is empty.
    pub(crate) fn open_below(&self, path: &[u8]) -> io::Result<Self> {
        match path {
            b"" => Ok(Folder(self.0.try_clone()?)),
            path => open_below(self.as_fd(), path).map(Folder),
        }
    }

    /// Opens the folder that this one lies in, if that still is `expected`.
    pub(crate) fn parent(&self, expected: Identity) -> io::Result<Self> {
        let parent = Folder(rustix::fs::openat(&self.0, "..", FOLDER, Mode::empty())?);
        match parent.identity()? == expected {
            true => Ok(parent),
            false => Err(io::Error::other("a folder was moved while it was in use")),
        }
    }

    /// Makes the file `name`, open for writing. Only its owner may read it until it gets a mode.
    pub(crate) fn make_file(&self, name: &[u8]) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(File::from(rustix::fs::openat(&self.0, one_name(name)?, flags, mode)?))
    }

    /// Opens the file `name` for reading. What else stands there is neither followed nor waited for.
    pub(crate) fn open_file(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.0, one_name(name)?, flags, Mode::empty())?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Returns the folder as something that is held, to look at it.
    pub(crate) fn handle(&self) -> io::Result<File> {
        Ok(File::from(self.0.try_clone()?))
    }

    /// Opens `name` to look at it and not into it: its mode and owner do not matter.
    pub(crate) fn open_handle(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.0, one_name(name)?, flags, Mode::empty())?))
    }

    /// Makes the symbolic link `name`.
    pub(crate) fn make_symlink(&self, name: &[u8], target: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, one_name(name)?)?)
    }

    /// Makes `new` in the folder `to` another name of `name`, which is no folder. If `name` is a symbolic link,
    /// so is `new`.
    pub(crate) fn make_hard_link(&self, name: &[u8], to: &Folder, new: &[u8]) -> io::Result<()> {
        let (name, new) = (one_name(name)?, one_name(new)?);
        Ok(rustix::fs::linkat(&self.0, name, &to.0, new, AtFlags::empty())?)
    }

    /// Makes a device or a named pipe. Devices take a privilege.
    pub(crate) fn make_node(&self, name: &[u8], kind: NodeKind) -> io::Result<()> {
        let (kind, device) = match kind {
            NodeKind::CharDevice(major, minor) => {
                (FileType::CharacterDevice, rustix::fs::makedev(major, minor))
            }
            NodeKind::BlockDevice(major, minor) => {
                (FileType::BlockDevice, rustix::fs::makedev(major, minor))
            }
            NodeKind::Fifo => (FileType::Fifo, 0),
        };
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(rustix::fs::mknodat(&self.0, one_name(name)?, kind, mode, device)?)
    }

    /// Gives `name` the name `new` in the folder `to`, in one step. What has that name is replaced, a folder
    /// only if it is empty.
    pub(crate) fn rename(&self, name: &[u8], to: &Folder, new: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, one_name(name)?, &to.0, one_name(new)?)?)
    }

    /// The same, unless something has the name `new`.
    // Deployments use it: nothing that stands under a name of theirs is replaced by accident.
    #[allow(dead_code, reason = "part of the room's interface")]
    pub(crate) fn rename_new(&self, name: &[u8], to: &Folder, new: &[u8]) -> io::Result<()> {
        let (name, new) = (one_name(name)?, one_name(new)?);
        Ok(rustix::fs::renameat_with(&self.0, name, &to.0, new, RenameFlags::NOREPLACE)?)
    }

    /// Removes `name`, which is no folder.
    pub(crate) fn remove_file(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, one_name(name)?, AtFlags::empty())?)
    }

    /// Removes the empty folder `name`.
    pub(crate) fn remove_dir(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, one_name(name)?, AtFlags::REMOVEDIR)?)
    }

    /// Returns the names in the folder as they are found, without `.` and `..`.
    pub(crate) fn names(&self) -> io::Result<impl Iterator<Item = io::Result<Vec<u8>>> + use<>> {
        let names = Dir::read_from(&self.0)?;
        let names = names.map(|entry| Ok(entry?.file_name().to_bytes().to_vec()));
        Ok(names.filter(|name| !matches!(name.as_deref(), Ok(b"." | b".."))))
    }

    /// Returns whether nothing is in the folder.
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        Ok(self.names()?.next().transpose()?.is_none())
    }

    /// Returns which folder this is.
    pub(crate) fn identity(&self) -> io::Result<Identity> {
        let stat = rustix::fs::fstat(&self.0)?;
        Ok(Identity { device: stat.st_dev, inode: stat.st_ino })
    }

    /// Returns which file system the folder is on.
    pub(crate) fn device(&self) -> io::Result<u64> {
        Ok(rustix::fs::fstat(&self.0)?.st_dev)
    }

    /// Returns which mount the folder is seen through, if the system tells (Linux 5.8): no hard link leads from one to another,
    /// also on one file system.
    pub(crate) fn mount(&self) -> Option<u64> {
        let about =
            rustix::fs::statx(&self.0, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
        (about.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(about.stx_mnt_id)
    }

    /// Returns whether a user other than root could give another meaning to names in the folder.
    pub(crate) fn is_exchangeable(&self) -> io::Result<bool> {
        let stat = rustix::fs::fstat(&self.0)?;
        Ok(is_exchangeable(stat.st_uid, stat.st_gid, stat.st_mode))
    }

    /// Returns the owner of the folder.
    pub(crate) fn owner(&self) -> io::Result<(Uid, Gid)> {
        let stat = rustix::fs::fstat(&self.0)?;
        Ok((Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid)))
    }

    /// Locks the folder for as long as the handle lives. Returns whether it is ours now: not if another process
    /// has it. Where there are no locks everybody has it.
    pub(crate) fn try_lock(&self) -> io::Result<bool> {
        match rustix::fs::flock(&self.0, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Ok(false),
            Ok(()) | Err(Errno::NOTSUP | Errno::NOLCK | Errno::NOSYS | Errno::INVAL) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the names in this folder durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }

    /// Makes everything durable that was written to the folder's file system.
    pub(crate) fn sync_file_system(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
