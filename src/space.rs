//! Free space on a disk: looked at before something large is written, and meanwhile.

use std::io;
use std::path::{Path, PathBuf};

/// Bytes that are left free for everybody else on the disk, at most. The system itself, logs and
/// databases stop working on a disk without any.
const KEPT_FREE_BYTES: u64 = 64 << 20;
/// One in how many bytes of a small disk is left free instead.
const KEPT_FREE_SHARE: u64 = 20;
/// Bytes written from one look at the disk to the next.
const LOOK_BYTES: u64 = 32 << 20;

/// Looks at the disk of `folder` now and then, while something large is written there.
#[derive(Debug)]
pub(crate) struct SpaceWatch {
    folder: PathBuf,
    unwatched: u64,
}

impl SpaceWatch {
    pub(crate) fn new(folder: &Path) -> Self {
        SpaceWatch { folder: folder.to_owned(), unwatched: 0 }
    }

    /// Notes that `bytes` are about to be written.
    ///
    /// # Errors
    /// [`StorageFull`](io::ErrorKind::StorageFull) if the disk is nearly full.
    pub(crate) fn about_to_write(&mut self, bytes: u64) -> io::Result<()> {
        self.unwatched += bytes;
        if self.unwatched < LOOK_BYTES {
            return Ok(());
        }
        check_space(&self.folder, std::mem::take(&mut self.unwatched))
    }
}

/// Checks that `bytes` have room on the disk of `folder`, and some are left. A disk that does not tell
/// how much is free has room.
///
/// # Errors
/// [`StorageFull`](io::ErrorKind::StorageFull) if there is no room.
pub(crate) fn check_space(folder: &Path, bytes: u64) -> io::Result<()> {
    let Ok(disk) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let all = disk.f_blocks.saturating_mul(disk.f_frsize);
    if all == 0 {
        return Ok(());
    }
    has_room(free, all, bytes).map_err(|error| io::Error::new(io::ErrorKind::StorageFull, error))
}

fn has_room(free: u64, all: u64, bytes: u64) -> Result<(), String> {
    let kept = KEPT_FREE_BYTES.min(all / KEPT_FREE_SHARE);
    if bytes.saturating_add(kept) <= free {
        return Ok(());
    }
    Err(format!(
        "the disk has {free} bytes left, {kept} of them are kept free, and {bytes} more are needed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_a_disk_is_left_free_whatever_its_size() {
        const GIB: u64 = 1 << 30;
        for (free, all, bytes, fits) in [
            (GIB, 100 * GIB, GIB - KEPT_FREE_BYTES, true),
            (GIB, 100 * GIB, GIB - KEPT_FREE_BYTES + 1, false),
            (GIB, 100 * GIB, u64::MAX, false),
            (1000, 2000, 900, true),
            (1000, 2000, 901, false),
            (0, 2000, 0, false),
        ] {
            assert_eq!(has_room(free, all, bytes).is_ok(), fits, "{bytes} of {free}");
        }
    }

    #[test]
    fn a_folder_is_asked_for_its_own_disk() {
        let folder = tempfile::tempdir().expect("folder");
        check_space(folder.path(), 1).expect("room for a byte");
        let error = check_space(folder.path(), 1 << 60).expect_err("an exbibyte");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let mut watch = SpaceWatch::new(folder.path());
        watch.about_to_write(LOOK_BYTES - 1).expect("not looked at yet");
        watch.about_to_write(1 << 60).expect_err("looked at");
    }
}
