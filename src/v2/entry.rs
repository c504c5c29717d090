//! An entry of the file list, and the order in which a reader keeps the list.

use std::cmp::Ordering;

use crate::rootfs::{Attributes, Device};

/// The name of the root folder in a list.
pub(super) const ROOT: &[u8] = b".";
/// The longest path and the longest symbolic link's target, in bytes.
pub(super) const MAX_PATH: usize = 4095;

/// One name in the file list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListEntry<'l> {
    pub(super) place: Place<'l>,
    pub(super) attributes: Attributes,
    pub(super) kind: EntryKind<'l>,
    /// The class of hard links it belongs to; any number, the same for all members.
    pub(super) class: Option<u32>,
}

/// Where an entry is: the path from the root folder, in two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'l> {
    /// The path of the folder, with slashes; empty for the root folder.
    pub(super) folder: &'l [u8],
    /// The name in it; [`ROOT`] for the root folder itself.
    pub(super) name: &'l [u8],
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind<'l> {
    Directory {
        /// Whether the reader looks inside and deletes what the list lacks.
        complete: bool,
    },
    File {
        size: u64,
        /// What the reader compares its own file with; not always the new content's MD5.
        md5: [u8; 16],
    },
    Symlink(&'l [u8]),
    CharDevice(Device),
    BlockDevice(Device),
    Fifo,
    Socket,
}

impl ListEntry<'_> {
    pub(super) fn is_directory(&self) -> bool {
        matches!(self.kind, EntryKind::Directory { .. })
    }
}

impl<'l> Place<'l> {
    /// The place that a path stands for.
    pub(super) fn of_path(path: &'l [u8]) -> Self {
        match path.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => Place { folder: &path[..slash], name: &path[slash + 1..] },
            None => Place { folder: b"", name: path },
        }
    }

    pub(super) fn is_root(self) -> bool {
        self.folder.is_empty() && self.name == ROOT
    }

    /// The whole path; [`ROOT`] for the root folder.
    pub(super) fn path(self) -> Vec<u8> {
        let slash: &[u8] = if self.folder.is_empty() { b"" } else { b"/" };
        [self.folder, slash, self.name].concat()
    }

    /// The path as text for a message.
    pub(super) fn shown(self) -> String {
        String::from_utf8_lossy(&self.path()).into_owned()
    }

    /// The components of the path, each with whether it is a directory.
    fn parts(self, is_directory: bool) -> impl Iterator<Item = (&'l [u8], bool)> {
        let names = self.folder.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
        let last = (!self.is_root()).then_some((self.name, is_directory));
        names.map(|name| (name, true)).chain(last)
    }
}

/// Compares two places, each with whether a directory is there, as a reader sorts them: in every
/// directory first the non-directories by name, then the directories by name and slash, each directly
/// followed by its content.
pub(super) fn compare(a: (Place<'_>, bool), b: (Place<'_>, bool)) -> Ordering {
    let (mut a_parts, mut b_parts) = (a.0.parts(a.1), b.0.parts(b.1));
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
            Some(path) => (Place::of_path(path.as_bytes()), true),
            None => (Place::of_path(text.as_bytes()), false),
        };
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(key(a), key(b)), i.cmp(&j), "{a} {b}");
            }
        }
    }
}
