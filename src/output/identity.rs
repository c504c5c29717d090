//! Which file it is, whatever it is called.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Device and inode: two names with the same ones are the same file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file that `path` leads to; `None` if there is none, or if it can't be looked at.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(FileId::from)
    }

    /// Returns the file that this process reads as standard input.
    pub fn of_stdin() -> Option<Self> {
        FileId::of_open(&io::stdin())
    }

    /// Returns the file that this process writes as standard output.
    pub fn of_stdout() -> Option<Self> {
        FileId::of_open(&io::stdout())
    }

    fn of_open(stream: &impl AsFd) -> Option<Self> {
        let file = File::from(stream.as_fd().try_clone_to_owned().ok()?);
        file.metadata().ok().as_ref().map(FileId::from)
    }
}

impl From<&Metadata> for FileId {
    fn from(metadata: &Metadata) -> Self {
        FileId { device: metadata.dev(), inode: metadata.ino() }
    }
}
