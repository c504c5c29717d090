//! Where a path leads.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, StatxAttributes, StatxFlags};

/// Symbolic links from one to the next before it is a loop, as Linux counts (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// The file system that shows processes and their descriptors (statfs(2), `PROC_SUPER_MAGIC`).
const PROC_MAGIC: u64 = 0x9fa0;

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Resolved {
    /// A regular file, or none yet, at this path, whose last part is no link.
    File(PathBuf),
    /// Something that is no regular file.
    Special(Metadata),
    /// A descriptor that some process has open, as `/dev/stdout` and `/proc/self/fd/3` are.
    Descriptor(Metadata),
}

/// The path that `path` leads to through symbolic links; nothing needs to be there.
///
/// # Errors
/// If links lead in a circle, or a folder on the way can't be searched.
pub fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            Err(error) => return is_no_link(error).map(|()| path),
        }
    }
    Err(rustix::io::Errno::LOOP.into())
}

/// Follows `path` to its end.
pub(super) fn follow(path: &Path) -> io::Result<Resolved> {
    refuse_no_name(path)?;
    let found = match fs::metadata(path) {
        Ok(found) => Some(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match found {
        Some(found) if passes_descriptor(path)? => Ok(Resolved::Descriptor(found)),
        Some(found) if !found.is_file() => Ok(Resolved::Special(found)),
        _ => Ok(Resolved::File(absolute(&resolve(path)?)?)),
    }
}

/// Refuses what can only name a folder, such as `out/`, if there is none: a file of that name would
/// be a surprise.
fn refuse_no_name(path: &Path) -> io::Result<()> {
    match path.as_os_str().as_encoded_bytes() {
        [] => Err(io::ErrorKind::NotFound.into()),
        [.., b'/'] if !path.exists() => Err(io::ErrorKind::NotADirectory.into()),
        _ => Ok(()),
    }
}

/// Whether one of the links that `path` leads through is a descriptor of a process: what is behind it
/// may have another name by now, or none.
fn passes_descriptor(path: &Path) -> io::Result<bool> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else { return Ok(false) };
        let folder = folder_of(&path);
        if is_in_proc(&folder)? && folder.canonicalize()?.ends_with("fd") {
            return Ok(true);
        }
        path = folder.join(target);
    }
    Ok(false)
}

fn is_in_proc(folder: &Path) -> io::Result<bool> {
    Ok(rustix::fs::statfs(folder)?.f_type as u64 == PROC_MAGIC)
}

/// The same path with the folder as it really is, so that it can be compared and has a parent.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    let folder = folder_of(path);
    // A folder that is missing is found out when a file is created in it.
    let folder = folder.canonicalize().or_else(|_| std::path::absolute(&folder))?;
    Ok(path.file_name().map_or(folder.clone(), |name| folder.join(name)))
}

/// Whether what `path` leads to lies, or would lie, in `folder`.
pub fn is_within(path: &Path, folder: &Path) -> bool {
    let resolved = resolve(path).unwrap_or_else(|_| path.to_owned());
    really(&resolved).starts_with(really(folder))
}

/// The path without links, as far as it exists.
fn really(path: &Path) -> PathBuf {
    let Ok(path) = std::path::absolute(path) else { return path.to_owned() };
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path
}

fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// Passes errors on, but for those that say that the path is no link or names nothing.
fn is_no_link(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

/// Whether a file system, or another file, is mounted on `path` (statx(2), since Linux 5.8).
pub(super) fn is_mount_point(path: &Path) -> io::Result<bool> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    match rustix::fs::statx(rustix::fs::CWD, path, flags, StatxFlags::empty()) {
        Ok(found) => Ok(found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)),
        // An old system can't say; then the rename does.
        Err(rustix::io::Errno::NOSYS) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
