//! An entry of the file list, and the order in which a reader keeps the list.

use std::cmp::Ordering;

use crate::rootfs::{Attributes, Device};

/// The name of the root folder in a list.
pub(super) const ROOT: &[u8] = b".";
/// The longest path and the longest symbolic link's target, in bytes.
pub(super) const MAX_PATH: usize = 4095;

/// One name in the file list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListEntry {
    /// The path from the root folder, with slashes; [`ROOT`] for the root itself.
    pub(super) path: Vec<u8>,
    pub(super) attributes: Attributes,
    pub(super) kind: EntryKind,
    /// The class of hard links it belongs to; any number, the same for all members.
    pub(super) class: Option<u32>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EntryKind {
    Directory {
        /// Whether the reader looks inside and deletes what the list lacks.
        complete: bool,
    },
    File {
        size: u64,
        /// What the reader compares its own file with; not always the new content's MD5.
        md5: [u8; 16],
    },
    Symlink(Vec<u8>),
    CharDevice(Device),
    BlockDevice(Device),
    Fifo,
    Socket,
}

impl ListEntry {
    pub(super) fn is_directory(&self) -> bool {
        matches!(self.kind, EntryKind::Directory { .. })
    }

    /// The path as text for a message.
    pub(super) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }
}

/// Compares two paths as a reader sorts them: in every directory first the non-directories by name,
/// then the directories by name and slash, each directly followed by its content.
pub(super) fn compare(a: &ListEntry, b: &ListEntry) -> Ordering {
    compare_paths((&a.path, a.is_directory()), (&b.path, b.is_directory()))
}

fn compare_paths(a: (&[u8], bool), b: (&[u8], bool)) -> Ordering {
    let (mut a_parts, mut b_parts) = (parts(a), parts(b));
    loop {
        let ordering = match (a_parts.next(), b_parts.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some((a, true)), Some((b, true))) => a.iter().chain(b"/").cmp(b.iter().chain(b"/")),
            (Some((a, a_directory)), Some((b, b_directory))) => {
                a_directory.cmp(&b_directory).then_with(|| a.cmp(b))
            }
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
}

/// The components of a path, each with whether it is a directory.
fn parts((path, is_directory): (&[u8], bool)) -> impl Iterator<Item = (&[u8], bool)> {
    let path = if path == ROOT { &[][..] } else { path };
    let mut names = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).peekable();
    std::iter::from_fn(move || {
        let name = names.next()?;
        Some((name, is_directory || names.peek().is_some()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_before_directories_and_directories_before_their_content() {
        // A trailing slash marks a directory.
        let sorted = [
            "./", "-", "a", "a-b", "a.b", "z", "a-b/", "a-b/x", "a.b/", "a/", "a/a", "a/z", "a/a/",
            "a/a/x", "a0/", "b/", "b/a",
        ];
        let key = |text: &'static str| match text.strip_suffix('/') {
            Some(path) => (path.as_bytes(), true),
            None => (text.as_bytes(), false),
        };
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare_paths(key(a), key(b)), i.cmp(&j), "{a} {b}");
            }
        }
    }
}
