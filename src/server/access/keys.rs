//! The keys that tokens are verified with, kept up to date with their files.
//!
//! The API's key changes when its certificate is renewed, and the server must not need a restart for
//! that. A new file that is broken changes nothing: it may be half written.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::public_key::PublicKey;
use super::{AccessError, TokenAlgorithm, key_file};
use crate::small_file::read_small_file;

/// How often files are looked at while every token names a known key. A withdrawn key is taken for
/// this long; the look is one `stat` a file.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Key files have a few kilobytes.
const MAX_FILE: u64 = 1 << 20;

/// The keys of several files.
pub(super) struct Keys {
    files: RwLock<Vec<KeyFile>>,
    algorithm: TokenAlgorithm,
    interval: Duration,
    checked: Mutex<Instant>,
    /// How often the keys have changed.
    changes: AtomicU64,
}

struct KeyFile {
    path: PathBuf,
    seen: Option<Version>,
    keys: Vec<Arc<PublicKey>>,
}

/// What changes when a file changes: device, inode, size, and the times of data and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Keys {
    /// Reads all files; each must hold a key for the algorithm.
    pub(super) fn load(paths: &[PathBuf], algorithm: TokenAlgorithm) -> Result<Self, AccessError> {
        if paths.is_empty() {
            return Err(AccessError::NoKeys);
        }
        let files = paths.iter().map(|path| KeyFile::load(path, algorithm));
        Ok(Keys {
            files: RwLock::new(files.collect::<Result<_, _>>()?),
            algorithm,
            interval: CHECK_INTERVAL,
            checked: Mutex::new(Instant::now()),
            changes: AtomicU64::new(0),
        })
    }

    /// A number that is another one whenever the keys are others.
    pub(super) fn version(&self) -> u64 {
        if self.is_due() {
            self.refresh();
        }
        self.changes.load(Ordering::Acquire)
    }

    /// The keys that may have signed a token: those with the name that it gives, or all if it gives
    /// none. An unknown name is looked for in the files as they are now.
    pub(super) fn candidates(&self, id: Option<&str>) -> Vec<Arc<PublicKey>> {
        if self.is_due() {
            self.refresh();
        }
        let known = self.called(id);
        if !known.is_empty() {
            return known;
        }
        self.refresh();
        self.called(id)
    }

    fn called(&self, id: Option<&str>) -> Vec<Arc<PublicKey>> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        let keys = files.iter().flat_map(|file| &file.keys);
        keys.filter(|key| id.is_none_or(|id| key.is_called(id))).cloned().collect()
    }

    /// Whether it is time to look at the files; says so to one thread only.
    fn is_due(&self) -> bool {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = checked.elapsed() >= self.interval;
        if due {
            *checked = Instant::now();
        }
        due
    }

    fn refresh(&self) {
        let is_stale = |file: &KeyFile| Version::of(&file.path) != file.seen;
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        if !files.iter().any(is_stale) {
            return;
        }
        drop(files);
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        for file in files.iter_mut().filter(|file| is_stale(file)) {
            file.reload(self.algorithm);
            self.changes.fetch_add(1, Ordering::Release);
        }
    }
}

impl KeyFile {
    fn load(path: &Path, algorithm: TokenAlgorithm) -> Result<Self, AccessError> {
        // Before reading: what is written meanwhile is found at the next look.
        let seen = Version::of(path);
        let unreadable = |source| AccessError::Unreadable { file: path.to_owned(), source };
        let contents = read(path).map_err(unreadable)?;
        let keys = key_file::parse(&contents, algorithm)
            .map_err(|problem| AccessError::KeyFile { file: path.to_owned(), problem })?;
        Ok(KeyFile { path: path.to_owned(), seen, keys: keys.into_iter().map(Arc::new).collect() })
    }

    /// Keeps the old keys if the new file is no good, and says so once.
    fn reload(&mut self, algorithm: TokenAlgorithm) {
        let now = Version::of(&self.path);
        match KeyFile::load(&self.path, algorithm) {
            Ok(file) => {
                tracing::info!(file = %self.path.display(), keys = ?file.keys, "read new keys");
                *self = file;
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "a key file changed and is not usable, the old keys stay");
                self.seen = now;
            }
        }
    }
}

impl Version {
    /// `None` for a file that is not there.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Version {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_small_file(path, MAX_FILE)
}

#[cfg(test)]
mod tests;
