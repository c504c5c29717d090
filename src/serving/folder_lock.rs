//! One server per folder.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use super::error::{ServingError, io_error};

/// The file that is locked.
const NAME: &str = "lock";

/// Keeps other servers away from a folder. The lock goes with the process, however it ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the folder, which is created (mode 0700) where it does not exist.
    pub(crate) fn take(folder: &Path) -> Result<Self, ServingError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder).map_err(io_error("create", folder))?;
        let path = folder.join(NAME);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(io_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(FolderLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(ServingError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) => Err(io_error("lock", &path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;
    use crate::Remedy;

    #[test]
    fn a_folder_is_taken_once_and_free_afterwards() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("new/data");
        let lock = FolderLock::take(&folder).expect("free");
        assert!(matches!(FolderLock::take(&folder), Err(ServingError::InUse(_))));
        drop(lock);
        FolderLock::take(&folder).expect("free again");
    }

    #[test]
    fn where_there_are_no_locks_a_local_folder_helps() {
        let remedy = |errno: Errno| io_error("lock", Path::new("data"))(errno.into()).remedy();
        for errno in [Errno::NOLCK, Errno::NOTSUP, Errno::NOSYS] {
            assert_eq!(remedy(errno), Some(Remedy::LocalStore), "{errno}");
        }
        assert_eq!(remedy(Errno::IO), None);
    }
}
