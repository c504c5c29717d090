//! How files of the store are opened: without following links and without waiting for what is no file,
//! whatever somebody has put in its place.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::StoreError;
use super::error::io_error;

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Identity { device: metadata.dev(), inode: metadata.ino() }
    }
}

impl Identity {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok((&file.metadata()?).into())
    }
}

/// Which file `path` names at the moment.
pub(super) fn identity_at(path: &Path) -> Option<Identity> {
    fs::symlink_metadata(path).ok().map(|metadata| (&metadata).into())
}

/// The regular file `path`, opened for reading, or `None` where there is nothing. Anything else is
/// [`StoreError::Obstacle`].
pub(super) fn open_layer(path: &Path) -> Result<Option<File>, StoreError> {
    open_as(path, OFlags::empty(), FileType::is_file)
}

/// The first `limit` bytes of the file `path`, or `None` where there is nothing.
pub(super) fn read_bytes(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(file) = open_layer(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(io_error("read", path))?;
    Ok(Some(bytes))
}

/// The same of a record: whatever stands in its place and is no file is a damaged one.
pub(super) fn read_record_bytes(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
    read_bytes(path, limit).map_err(|error| match error {
        StoreError::Obstacle { path, kind } => {
            StoreError::DamagedName { path, problem: format!("it is a {kind}") }
        }
        error => error,
    })
}

/// The folder `path`, opened, or `None` where there is nothing. Anything else is
/// [`StoreError::Obstacle`].
pub(super) fn open_folder(path: &Path) -> Result<Option<File>, StoreError> {
    open_as(path, OFlags::DIRECTORY, FileType::is_dir)
}

fn open_as(
    path: &Path,
    flags: OFlags,
    is_it: impl Fn(&FileType) -> bool,
) -> Result<Option<File>, StoreError> {
    let found = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(io_error("read", path)(error)),
    };
    let obstacle = |found| StoreError::Obstacle { path: path.to_owned(), kind: kind_of(found) };
    if !is_it(&found) {
        return Err(obstacle(found));
    }
    // Should another kind of file come in its place just now, it is neither followed nor waited for.
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("open", path)(error)),
    };
    let opened = file.metadata().map_err(io_error("read", path))?.file_type();
    if is_it(&opened) { Ok(Some(file)) } else { Err(obstacle(opened)) }
}

fn kind_of(file_type: FileType) -> &'static str {
    match file_type {
        kind if kind.is_symlink() => "symbolic link",
        kind if kind.is_dir() => "folder",
        kind if kind.is_fifo() => "named pipe",
        kind if kind.is_socket() => "socket",
        kind if kind.is_file() => "file",
        _ => "device",
    }
}

/// Removes what is in the way at `path`, if nothing can be lost with it: anything but a file and a
/// folder that is not empty. Returns whether it is gone.
pub(super) fn remove_obstacle(path: &Path) -> io::Result<bool> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => return Ok(false),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
        other => gone(other).map(|()| true),
    }
}

/// Removes what is in the way at `path`, of which `obstacle` tells, or fails with that if something could be lost with it.
pub(super) fn clear_obstacle(path: &Path, obstacle: StoreError) -> Result<(), StoreError> {
    let removed = remove_obstacle(path).map_err(io_error("remove", path))?;
    if removed { Ok(()) } else { Err(obstacle) }
}

/// A removal of what is not there any more has nothing left to do.
pub(super) fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The names in `folder` that are text; ours all are.
pub(super) fn file_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok());
    }
    Ok(names)
}
