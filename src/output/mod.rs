//! The output room: the one place that opens a file for a result.
//!
//! A regular file gets its content in one step, through a temporary file beside it. Links are
//! followed, so that a link stays a link. A place that is no file (a device, a FIFO, a descriptor
//! of this process, standard output) is written straight, and never replaced.
//!
//! Not here: what the result is, and whether somebody would miss what it replaces.

mod error;
mod identity;
mod resolve;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Seek as _, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

pub use error::OutputError;
pub use identity::FileId;
use resolve::{Resolved, follow};
pub use resolve::{is_within, resolve};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::temporary::{self, TemporaryFile};

/// What errors call standard output.
const STDOUT: &str = "standard output";

/// Bytes that are written for trial, so that a full disk or quota is found before the work: one block
/// of usual file systems.
const TRIAL_BYTES: usize = 4096;

/// A place for a result, open for writing.
#[derive(Debug)]
pub struct Output {
    /// The path as it was given, for errors.
    name: PathBuf,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    /// A temporary file that becomes the file at `path`.
    Replace { file: TemporaryFile, path: PathBuf },
    /// Something that takes bytes as they come.
    Straight(File),
    /// Standard output.
    Stdout,
}

impl Output {
    /// Opens the place `path` without changing what is there. A FIFO is opened when somebody reads
    /// from it.
    ///
    /// # Errors
    /// If the result could not be written there in the end, as far as that can be known.
    pub fn open(path: &Path) -> Result<Self, OutputError> {
        let resolved = follow(path).map_err(OutputError::io("open", path))?;
        let sink = match resolved {
            Resolved::File(path) => replace(path)?,
            Resolved::Special(found) if found.is_dir() => {
                return Err(OutputError::IsFolder(path.to_owned()));
            }
            Resolved::Special(found) if found.file_type().is_socket() => {
                return Err(OutputError::Socket(path.to_owned()));
            }
            Resolved::Special(_) => straight(path, OpenOptions::new().write(true))?,
            Resolved::Descriptor(found) if is_stdout(&found) => Sink::Stdout,
            Resolved::Descriptor(_) => straight(path, OpenOptions::new().append(true))?,
        };
        Ok(Output { name: path.to_owned(), sink })
    }

    /// Standard output.
    pub fn stdout() -> Self {
        Output { name: STDOUT.into(), sink: Sink::Stdout }
    }

    /// The path as it was given, or what standard output is called.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// The file that is written meanwhile, open for reading too; `None` for what takes its bytes
    /// straight, which can't be read back.
    pub fn as_file(&self) -> Option<&File> {
        match &self.sink {
            Sink::Replace { file, .. } => Some(file.as_file()),
            Sink::Straight(_) | Sink::Stdout => None,
        }
    }

    /// Takes the room for `bytes` on the disk, so that a disk that is too small is found before they
    /// are written. Where a file system can't do that, nothing is done.
    ///
    /// # Errors
    /// If there is no room.
    pub fn reserve(&self, bytes: u64) -> Result<(), OutputError> {
        let Some(file) = self.as_file() else { return Ok(()) };
        match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes) {
            Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => {
                Err(OutputError::io("write", &self.name)(error.into()))
            }
            _ => Ok(()),
        }
    }

    /// Makes what was written appear, complete and durable.
    ///
    /// # Errors
    /// If that fails. A regular file is as it was then.
    pub fn finish(mut self) -> Result<(), OutputError> {
        let finished = match self.sink {
            Sink::Replace { file, path } => file.publish(&path),
            Sink::Straight(ref mut file) => file.flush(),
            Sink::Stdout => io::stdout().flush(),
        };
        finished.map_err(OutputError::io("write", &self.name))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Replace { file, .. } => file.write(bytes),
            Sink::Straight(file) => file.write(bytes),
            Sink::Stdout => io::stdout().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Replace { file, .. } => file.flush(),
            Sink::Straight(file) => file.flush(),
            Sink::Stdout => io::stdout().flush(),
        }
    }
}

/// Whether `path` leads to the standard output of this process, such as `/dev/stdout`.
pub fn leads_to_stdout(path: &Path) -> bool {
    match follow(path) {
        Ok(Resolved::Descriptor(found) | Resolved::Special(found)) => is_stdout(&found),
        _ => false,
    }
}

/// Creates the temporary file beside `path`, and finds what would keep it from taking its place.
fn replace(path: PathBuf) -> Result<Sink, OutputError> {
    let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
    temporary::remove_leftovers(&folder);
    let mut file = TemporaryFile::new_in(&folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if !folder.exists() => OutputError::NoFolder(folder.clone()),
        _ => OutputError::io("create a file in", &folder)(error),
    })?;
    if let Ok(existing) = path.symlink_metadata() {
        refuse_irreplaceable(&path, &existing, &folder, file.as_file())?;
        keep_owner_and_mode(&existing, file.as_file())
            .map_err(OutputError::io("create a file in", &folder))?;
    }
    try_to_write(&mut file).map_err(OutputError::io("write to", &folder))?;
    Ok(Sink::Replace { file, path })
}

/// Refuses a file that no rename replaces: one that is mounted, and somebody else's in a folder such
/// as `/tmp` (inode(7), "sticky bit").
fn refuse_irreplaceable(
    path: &Path,
    existing: &Metadata,
    folder: &Path,
    ours: &File,
) -> Result<(), OutputError> {
    let cannot_read = |path| OutputError::io("read", path);
    if resolve::is_mount_point(path).map_err(cannot_read(path))? {
        return Err(OutputError::MountPoint(path.to_owned()));
    }
    let user = ours.metadata().map_err(cannot_read(folder))?.uid();
    let folder = folder.metadata().map_err(cannot_read(folder))?;
    let sticky = folder.mode() & 0o1000 != 0;
    if sticky && user != 0 && ![existing.uid(), folder.uid()].contains(&user) {
        return Err(OutputError::SomebodyElses(path.to_owned()));
    }
    Ok(())
}

/// Gives `file` the permissions of the one that it replaces, and its owner where that is allowed.
fn keep_owner_and_mode(existing: &Metadata, file: &File) -> io::Result<()> {
    let ours = file.metadata()?;
    let (uid, gid) = (existing.uid(), existing.gid());
    if (ours.uid(), ours.gid()) != (uid, gid) {
        // Only root may give a file away; anybody else's becomes their own, as with any editor.
        let _ = fchown(file, Some(uid), Some(gid));
    }
    let mode = existing.mode() & 0o777;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

fn try_to_write(file: &mut TemporaryFile) -> io::Result<()> {
    file.write_all(&[0; TRIAL_BYTES])?;
    file.as_file().set_len(0)?;
    file.as_file().rewind()
}

/// Opens what takes bytes as they come. Behind a descriptor there may be a regular file, whose
/// content then goes on where it ends (`how` says so), as it would through the descriptor itself.
fn straight(path: &Path, how: &OpenOptions) -> Result<Sink, OutputError> {
    Ok(Sink::Straight(how.open(path).map_err(OutputError::io("open", path))?))
}

fn is_stdout(found: &Metadata) -> bool {
    FileId::of_stdout().is_some_and(|stdout| stdout == FileId::from(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_that_is_not_there_is_missed_before_anything_is_written() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x");
        let output = Output::open(&path).expect("opened");
        output.reserve(1 << 60).expect_err("no disk is as large");
        output.reserve(1 << 10).expect("there is room");
        output.finish().expect("finished");
        assert_eq!(path.metadata().expect("there").len(), 0);
    }
}
