//! What was made, and what could not be made as the image says.

use serde::Serialize;

/// How much of what was unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Regular files, each inode once.
    pub files: u64,
    /// Directories, the root included.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Names beside the first that an inode has.
    pub hard_links: u64,
    /// Device nodes that were made.
    pub devices: u64,
    /// Named pipes.
    pub fifos: u64,
    /// Bytes written into files; holes take none.
    pub bytes: u64,
    /// Regular files among them that are links to files which the store has for other deployments.
    pub shared_files: u64,
    /// Bytes of those.
    pub shared_bytes: u64,
    /// What is written down beside the files.
    pub recorded: Recorded,
    /// What the image has and the folder has not.
    pub left_out: LeftOut,
}

/// What could not be made and is recorded in extended attributes instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Recorded {
    /// Files and directories whose owners and modes are recorded.
    pub owners: u64,
    /// Devices that are empty files.
    pub devices: u64,
    /// Extended attributes, ACLs and file capabilities that are kept under another name.
    pub xattrs: u64,
}

/// What could neither be made nor recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// Owners other than root: of symbolic links, devices and pipes, which have no place for a record, and of
    /// everything on a file system without extended attributes.
    pub owners: u64,
    /// Devices.
    pub devices: u64,
    /// Extended attributes, ACLs and file capabilities.
    pub xattrs: u64,
    /// Extended attributes that mean something to the machine they are on and not to an image: marks of overlay
    /// file systems, SELinux labels, NFS ACLs, records of owners.
    pub host_xattrs: u64,
}
