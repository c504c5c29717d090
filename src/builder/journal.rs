//! Which releases are open, on disk: whoever starts after a builder that was killed closes them. No credential is kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::serving::{ServingError, io_error};
use crate::small_file::read_small_file;
use crate::temporary::TemporaryFile;

/// The folder of the builder's folder that has a file for each open release.
const FOLDER: &str = "open";
/// Bytes of such a file: some names.
const MAX_BYTES: u64 = 4096;

/// A release that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenRelease {
    /// The fleet's ID.
    pub(super) fleet: u64,
    pub(super) slug: String,
    pub(super) commit: String,
    /// When it began, which its images' rows say too.
    #[serde(default)]
    pub(super) started: Option<SystemTime>,
}

/// The folder with all of them.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
}

impl Journal {
    /// Opens the journal in the builder's folder.
    pub(super) fn open(folder: &Path) -> Result<Self, ServingError> {
        let folder = folder.join(FOLDER);
        fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        Ok(Journal { folder })
    }

    /// Notes a release that is about to be begun.
    pub(super) fn begin(&self, release: &OpenRelease) -> io::Result<()> {
        let mut file = TemporaryFile::new_in(&self.folder)?;
        serde_json::to_writer(&mut file, release)?;
        file.publish(&self.path(&release.commit))
    }

    /// Whether a release is noted.
    pub(super) fn has(&self, commit: &str) -> bool {
        self.path(commit).exists()
    }

    /// Forgets a release that is closed.
    pub(super) fn end(&self, commit: &str) {
        if !self.has(commit) {
            return;
        }
        if let Err(error) = fs::remove_file(self.path(commit)) {
            tracing::warn!(commit, %error, "a closed release stays noted as open");
        }
    }

    /// The releases that are noted.
    pub(super) fn open_releases(&self) -> io::Result<Vec<OpenRelease>> {
        let mut open = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let bytes = read_small_file(&path, MAX_BYTES)?;
            match serde_json::from_slice(&bytes) {
                Ok(release) => open.push(release),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "no note of a release");
                }
            }
        }
        Ok(open)
    }

    fn path(&self, commit: &str) -> PathBuf {
        self.folder.join(format!("{commit}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_known_until_it_ends() {
        let folder = tempfile::tempdir().expect("folder");
        let journal = Journal::open(folder.path()).expect("opened");
        let release = OpenRelease {
            fleet: 7,
            slug: "org/fleet".to_owned(),
            commit: "ab12".to_owned(),
            started: Some(SystemTime::now()),
        };
        journal.begin(&release).expect("noted");
        fs::write(folder.path().join("open/other.json"), "{").expect("written");
        let again = Journal::open(folder.path()).expect("opened");
        assert_eq!(again.open_releases().expect("read"), [release]);
        again.end("ab12");
        again.end("ab12");
        assert_eq!(journal.open_releases().expect("read"), []);
    }
}
