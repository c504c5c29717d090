//! What runtimes make in a tree to mount something there.

use crate::beneath::Folder;

/// How many folders below each other may be a runtime's.
const MOUNT_POINT_DEPTH: usize = 8;

/// Whether a name is what a runtime makes where it mounts something: an empty file, or a folder with nothing else in it.
pub(super) fn is_mount_point(folder: &Folder, name: &[u8]) -> bool {
    is_within(folder, name, MOUNT_POINT_DEPTH)
}

fn is_within(folder: &Folder, name: &[u8], depth: usize) -> bool {
    let is_empty_file = || {
        folder
            .open_handle(name)
            .and_then(|held| held.metadata())
            .is_ok_and(|it| it.is_file() && it.len() == 0)
    };
    let Ok(below) = folder.open_dir(name) else { return is_empty_file() };
    let Ok(mut names) = below.names() else { return false };
    depth > 0 && names.all(|name| name.is_ok_and(|name| is_within(&below, &name, depth - 1)))
}
