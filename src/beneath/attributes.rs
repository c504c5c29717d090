//! Owners, modes, times and extended attributes, of what is open or of what has a name in a folder.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::folder::Folder;
use super::name::one_name;

/// More than most extended attributes take, and most lists of their names.
const USUAL_XATTR_BYTES: usize = 256;
/// The most that one takes, and a list of names (linux/limits.h, `XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
const MAX_XATTR_BYTES: usize = 1 << 16;

/// The thing whose attributes are set.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// A file or folder that is open.
    Open(BorrowedFd<'a>),
    /// Whatever has this name in a folder, opened or not: a link itself, not where it leads.
    Named(&'a Folder, &'a [u8]),
}

/// The time of the last change, which is the time of the last access too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// Seconds since 1970.
    pub(crate) seconds: i64,
    /// The rest, below one second.
    pub(crate) nanoseconds: u32,
}

impl Target<'_> {
    /// Sets owner and group. The system takes setuid bits and file capabilities away with it.
    pub(crate) fn set_owner(self, uid: u32, gid: u32) -> io::Result<()> {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        match self {
            Target::Open(fd) => rustix::fs::fchown(fd, uid, gid)?,
            Target::Named(folder, name) => {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::chownat(folder, one_name(name)?, uid, gid, flags)?;
            }
        }
        Ok(())
    }

    /// Sets the permission bits. Symbolic links have none.
    pub(crate) fn set_mode(self, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(mode);
        match self {
            Target::Open(fd) => rustix::fs::fchmod(fd, mode)?,
            Target::Named(folder, name) => {
                let node = Node::open(folder, name)?;
                rustix::fs::chmod(node.path(), mode)?;
            }
        }
        Ok(())
    }

    /// Sets the times.
    pub(crate) fn set_times(self, times: Times) -> io::Result<()> {
        let time = Timespec { tv_sec: times.seconds, tv_nsec: times.nanoseconds.into() };
        let times = Timestamps { last_access: time, last_modification: time };
        match self {
            Target::Open(fd) => rustix::fs::futimens(fd, &times)?,
            Target::Named(folder, name) => {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::utimensat(folder, one_name(name)?, &times, flags)?;
            }
        }
        Ok(())
    }

    /// Sets an extended attribute.
    pub(crate) fn set_xattr(self, attribute: &[u8], value: &[u8]) -> io::Result<()> {
        let attribute = OsStr::from_bytes(attribute);
        match self {
            Target::Open(fd) => {
                rustix::fs::fsetxattr(fd, attribute, value, XattrFlags::empty())?;
            }
            Target::Named(folder, name) => {
                let node = Node::open(folder, name)?;
                rustix::fs::setxattr(node.path(), attribute, value, XattrFlags::empty())?;
            }
        }
        Ok(())
    }

    /// Takes an extended attribute away.
    pub(crate) fn remove_xattr(self, attribute: &[u8]) -> io::Result<()> {
        let attribute = OsStr::from_bytes(attribute);
        match self {
            Target::Open(fd) => rustix::fs::fremovexattr(fd, attribute)?,
            Target::Named(folder, name) => {
                rustix::fs::removexattr(Node::open(folder, name)?.path(), attribute)?;
            }
        }
        Ok(())
    }
}

/// Returns names and values of the extended attributes of something that is held ([`Folder::open_handle`]), whatever it is;
/// none if its file system has none.
pub(crate) fn read_xattrs(held: &File) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = held_path(held.as_fd());
    let names = match sized(|buffer| rustix::fs::listxattr(&path, buffer)) {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NOTSUP) => return Ok(Vec::new()),
        names => names?,
    };
    let names = names.split(|&byte| byte == 0).filter(|name| !name.is_empty());
    let with_value = |name: &[u8]| {
        let value = sized(|buffer| rustix::fs::getxattr(&path, OsStr::from_bytes(name), buffer))?;
        Ok((name.to_vec(), value))
    };
    names.map(with_value).collect()
}

/// Calls `read` with a larger buffer until that is large enough.
fn sized(read: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; USUAL_XATTR_BYTES];
    loop {
        match read(&mut buffer) {
            Err(Errno::RANGE) if buffer.len() < MAX_XATTR_BYTES => {
                buffer.resize(buffer.len() * 4, 0);
            }
            len => {
                buffer.truncate(len?);
                return Ok(buffer);
            }
        }
    }
}

/// Something that is held, whatever it is, and not opened: neither a device nor a link's target notices.
struct Node(OwnedFd);

impl Node {
    fn open(folder: &Folder, name: &[u8]) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Node(rustix::fs::openat(folder, one_name(name)?, flags, Mode::empty())?))
    }

    fn path(&self) -> String {
        held_path(self.0.as_fd())
    }
}

/// Returns a path that leads to just the inode that is held (proc(5)), for calls that take nothing else.
fn held_path(held: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", held.as_raw_fd())
}
