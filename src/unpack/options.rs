//! How an image is unpacked.

use crate::user_namespace;

/// What becomes of the owners that an image names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Owners {
    /// Files get them. Takes root's privilege, or that of a user namespace's root for the users it has.
    Set,
    /// Files are the caller's. Owners and modes are written into an extended attribute that Podman and
    /// fuse-overlayfs read ([`OWNER_RECORD`](super::OWNER_RECORD)).
    Recorded,
}

/// How an image is unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnpackOptions {
    /// What becomes of owners.
    pub owners: Owners,
    /// Whose the files are beside this tree.
    pub files: Files,
}

/// Whether trees have files in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Files {
    /// Every tree has files of its own.
    #[default]
    Own,
    /// A file that the store has for another tree is a hard link to that one: whoever writes there changes both.
    Shared,
}

impl UnpackOptions {
    /// Options with what becomes of owners.
    pub fn new(owners: Owners) -> Self {
        UnpackOptions { owners, files: Files::Own }
    }
}

impl Default for UnpackOptions {
    /// Owners are set by whoever may give files to several users, and otherwise recorded.
    fn default() -> Self {
        let owners = match user_namespace::may_set_owners() {
            true => Owners::Set,
            false => Owners::Recorded,
        };
        UnpackOptions::new(owners)
    }
}
