//! Folders several names down: by the system in one step, or name by name where the system can't.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::name::one_name;

/// How a folder is opened: if a symbolic link stands there, not at all.
pub(super) const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// Whether the system has openat2(2): Linux 5.6 does, and filters of system calls may hide it.
static HAS_OPENAT2: AtomicBool = AtomicBool::new(true);

/// Opens the folder at `path` below `folder`: names with slashes between them, none of them a link.
pub(super) fn open_below(folder: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    if HAS_OPENAT2.load(Ordering::Relaxed) {
        match in_one_step(folder, path) {
            Err(Errno::NOSYS | Errno::PERM) => HAS_OPENAT2.store(false, Ordering::Relaxed),
            opened => return Ok(opened?),
        }
    }
    name_by_name(folder, path)
}

fn in_one_step(folder: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    loop {
        // The system asks for another try if something was renamed meanwhile.
        match rustix::fs::openat2(folder, path, FOLDER, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            opened => return opened,
        }
    }
}

pub(super) fn name_by_name(folder: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    let mut here: Option<OwnedFd> = None;
    for name in path.split(|&byte| byte == b'/') {
        let above = here.as_ref().map_or(folder, OwnedFd::as_fd);
        here = Some(rustix::fs::openat(above, one_name(name)?, FOLDER, Mode::empty())?);
    }
    here.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
