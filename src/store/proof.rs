//! Whether a file is what an object is known by, asked before it gets another name.

use std::fs::File;
use std::io;

use rustix::fs::{AtFlags, StatxAttributes, StatxFlags};

use super::check::hash_file;
use super::error::is_unreadable;
use super::object_id::ObjectId;
use crate::beneath::Folder;

/// Whether a file that is held, not opened, looks like an object: everything but its content. Asked before a file gets
/// another name.
pub(crate) type Looks<'a> = &'a dyn Fn(&File) -> io::Result<bool>;

/// What a file is, compared with an object's ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Sound,
    /// It has the content, as far as is known, and does not look right.
    Unlike,
    Wrong,
    /// This process may not read it.
    Hidden,
}

/// Compares a file with what an object is known by; `None` if there is none. Content that `is_proved` is not read.
pub(super) fn prove(
    folder: &Folder,
    name: &[u8],
    id: ObjectId,
    looks: Looks<'_>,
    is_proved: fn(&File) -> bool,
) -> io::Result<Option<Proof>> {
    let Some(held) = found(folder.open_handle(name))? else { return Ok(None) };
    match held.metadata()?.is_file() {
        true if looks(&held)? => {}
        true => return Ok(Some(Proof::Unlike)),
        false => return Ok(Some(Proof::Wrong)),
    }
    let sound = folder
        .open_file(name)
        .and_then(|file| Ok(is_proved(&file) || hash_file(&file)?.1 == id.content));
    match sound {
        Ok(true) => Ok(Some(Proof::Sound)),
        Ok(false) => Ok(Some(Proof::Wrong)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(Some(Proof::Hidden)),
        Err(error) if is_unreadable(&error) => Ok(Some(Proof::Wrong)),
        Err(error) => Err(error),
    }
}

/// Whether fs-verity is on for a file, as it is for objects that were compared: the system has let nobody change one
/// since, and pages that the disk has lost cannot be read.
pub(super) fn is_sealed(file: &File) -> bool {
    let status = rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::empty());
    status.is_ok_and(|it| it.stx_attributes.contains(StatxAttributes::VERITY))
}

/// What there is; `None` if there is nothing.
pub(super) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}
