//! The types of entries, and the type flags that stand for them.

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryType {
    /// A regular file, sparse or not.
    Regular,
    /// Another name of an earlier entry.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// A file that is to be stored in one piece: a regular file, but engines refuse it.
    Contiguous,
    /// Something that neither POSIX nor GNU tar gives a meaning to; the type flag says what.
    Other(u8),
}

impl EntryType {
    /// Whether such entries have a header and no content.
    pub(super) fn is_header_only(self) -> bool {
        use EntryType::{BlockDevice, CharDevice, Directory, Fifo, HardLink, Symlink};
        matches!(self, HardLink | Symlink | CharDevice | BlockDevice | Directory | Fifo)
    }
}

/// The type of an entry by its flag, the name's end aside.
pub(super) fn entry_type(flag: u8) -> EntryType {
    match flag {
        // A sparse file is a regular file that is stored in another way.
        0 | b'0' | b'S' => EntryType::Regular,
        b'1' => EntryType::HardLink,
        b'2' => EntryType::Symlink,
        b'3' => EntryType::CharDevice,
        b'4' => EntryType::BlockDevice,
        b'5' => EntryType::Directory,
        b'6' => EntryType::Fifo,
        b'7' => EntryType::Contiguous,
        flag => EntryType::Other(flag),
    }
}
