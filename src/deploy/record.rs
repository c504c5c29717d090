//! What is written down of a deployment.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::bundle::RootAccess;
use crate::image::{Digest, ImageId};
use crate::sealed::{seal, unseal};
use crate::small_file::read_small_file;
use crate::temporary::TemporaryFile;

/// The name of the file.
pub(super) const FILE: &str = "deployment.json";
/// Bytes of a record: a few names.
const MAX_BYTES: u64 = 64 << 10;

/// A deployment: an image on disk, ready to be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Deployment {
    /// Its number under its name: later ones have higher numbers.
    pub number: u64,
    /// The image as it was asked for, or as it is to be called.
    pub image: String,
    /// The image ID.
    pub id: ImageId,
    /// The digest of the image's manifest, if it had one.
    pub digest: Option<Digest>,
    /// The store that has its layers, if that is known.
    #[serde(default)]
    pub store: Option<PathBuf>,
    /// Whether its files are links to those of the store.
    #[serde(default)]
    pub shared: bool,
    /// Whether its files were to be such links, and are copies because the store is on another file system.
    #[serde(default)]
    pub copied: bool,
    /// Whether owners are recorded in an attribute, and not set.
    #[serde(default)]
    pub recorded_owners: bool,
    /// What containers may do to its files, if that is known.
    #[serde(default)]
    pub root: Option<RootAccess>,
    /// The digest of its `config.json` as it was made, if that is known.
    #[serde(default)]
    pub config: Option<Digest>,
    /// When it was deployed, in seconds since 1970.
    pub deployed: u64,
    /// When somebody went back from it, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<u64>,
}

impl Deployment {
    /// When it was deployed.
    pub fn deployed(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.deployed)).unwrap_or(UNIX_EPOCH)
    }

    /// Whether its files are as its image has them for good: links, or copies where there can be no links.
    pub(super) fn is_as_its_image(&self) -> bool {
        self.shared || self.copied
    }

    /// Whether containers can't change its files, whosever these are.
    pub(super) fn is_read_only(&self) -> bool {
        self.root == Some(RootAccess::ReadOnly)
    }

    /// Whether it can be gone back to from the deployment `current`.
    pub(super) fn is_way_back_from(&self, current: u64) -> bool {
        self.number < current && self.rolled_back.is_none()
    }

    /// The record in the folder of the deployment `number`; `None` if there is none, or it is another's.
    pub(super) fn read(folder: &Path, number: u64) -> Option<Self> {
        let bytes = read_small_file(&folder.join(FILE), MAX_BYTES).ok()?;
        let record: Deployment = unseal(&bytes).ok()?;
        (record.number == number).then_some(record)
    }

    /// Writes the record into the folder of the deployment, in one step.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = TemporaryFile::new_in(folder)?;
        file.write_all(&seal(self))?;
        file.publish(&folder.join(FILE))
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
