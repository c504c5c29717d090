//! What killed processes left: temporary files that nobody holds.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::name::{PREFIX, RANDOM_CHARACTERS, SUFFIX};

/// Bytes that are read of a leftover before it is removed: more than any list of blobs takes.
const MAX_READ: u64 = 1 << 20;

/// A temporary file that no process holds.
#[derive(Debug)]
pub struct Leftover {
    file: File,
    path: PathBuf,
}

/// The temporary files in `folder` that no process holds. A folder that can't be read has none.
pub fn leftovers(folder: &Path) -> Vec<Leftover> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let named = entries.flatten().filter(|entry| is_random_name(&entry.file_name()));
    named.filter_map(|entry| Leftover::claim(entry.path()).ok().flatten()).collect()
}

/// Removes the temporary files in `folder` that no process holds, as far as they can be removed.
pub fn remove_leftovers(folder: &Path) {
    leftovers(folder).iter().for_each(Leftover::remove);
}

impl Leftover {
    /// Takes the file over; `None` if somebody holds it, or if it is no regular file.
    fn claim(path: PathBuf) -> io::Result<Option<Self>> {
        // Neither follows a link nor waits for a FIFO's other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(&path, flags, Mode::empty())?);
        let free = file.metadata()?.is_file() && file.try_lock().is_ok() && is_at(&file, &path)?;
        Ok(free.then_some(Leftover { file, path }))
    }

    /// The file's first bytes; empty if they can't be read.
    pub fn start(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match (&self.file).take(MAX_READ).read_to_end(&mut bytes) {
            Ok(_) => bytes,
            Err(_) => Vec::new(),
        }
    }

    /// Removes the file. One that can't be removed stays for whoever comes next.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether `path` names the open `file` (or folder).
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether [`TemporaryFile::new_in`](super::TemporaryFile::new_in) makes such names: stricter than what
/// is merely never taken for anything else, since files go by it.
fn is_random_name(name: &std::ffi::OsStr) -> bool {
    let random = name
        .to_str()
        .and_then(|name| name.strip_prefix(PREFIX))
        .and_then(|name| name.strip_suffix(SUFFIX));
    random.is_some_and(|random| {
        random.len() == RANDOM_CHARACTERS && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::super::TemporaryFile;
    use super::*;

    #[test]
    fn what_nobody_holds_goes_and_everything_else_stays() {
        let folder = tempfile::tempdir().expect("folder");
        let path = |name: &str| folder.path().join(name);
        let held = TemporaryFile::new_in(folder.path()).expect("created");
        let kept = ["kept", ".remora-notes.tmp", ".remora-abcdef", "x.remora-abcdef.tmp"];
        for name in kept {
            fs::write(path(name), "kept").expect("written");
        }
        fs::create_dir(path(".remora-folder.tmp")).expect("created");
        std::os::unix::fs::symlink("kept", path(".remora-linked.tmp")).expect("linked");
        let fifo = (rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600));
        rustix::fs::mknodat(rustix::fs::CWD, path(".remora-fifo00.tmp"), fifo.0, fifo.1, 0)
            .expect("a fifo");
        fs::write(path(".remora-a1B2c3.tmp"), "left").expect("written");
        remove_leftovers(folder.path());
        assert!(!path(".remora-a1B2c3.tmp").exists());
        let strange = [".remora-folder.tmp", ".remora-linked.tmp", ".remora-fifo00.tmp"];
        for name in kept.iter().chain(&strange) {
            assert!(fs::symlink_metadata(path(name)).is_ok(), "{name}");
        }
        assert!(held.path().exists());
    }
}
