//! What deployments need of the store: written down by them, looked at by collection.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::io_error;
use super::files::{file_names, gone, read_bytes};
use super::format::WITH_RECIPES;
use super::trouble::Trouble;
use super::{Store, StoreError};
use crate::image::{DiffId, Digest};
use crate::temporary::create_folders;

/// Bytes of a record: a path, a name and the digests of a few hundred layers.
const MAX_BYTES: u64 = 1 << 20;

/// A deployment that needs layers of the store: its files are links to the store's, and the next delta starts there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldDeployment {
    /// Where its files are.
    pub(crate) rootfs: PathBuf,
    /// The image as it was asked for.
    pub(crate) image: String,
    /// The digest of its manifest, if it had one.
    pub(crate) digest: Option<Digest>,
    /// Whether files are links to those of the store, so that nothing may have changed them.
    pub(crate) is_shared: bool,
    /// Whether owners are recorded in an attribute.
    pub(crate) has_recorded_owners: bool,
    /// The layers, bottom first.
    pub(crate) layers: Vec<DiffId>,
}

impl Store {
    fn deployments_folder(&self) -> PathBuf {
        self.path().join("deployments")
    }

    /// Keeps the layers of `deployment` for as long as its files are there.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub(crate) fn hold_for_deployment(&self, deployment: HeldDeployment) -> Result<(), StoreError> {
        self.raise_format(WITH_RECIPES)?;
        let folder = self.deployments_folder();
        create_folders(&folder, 0o700).map_err(io_error("create", &folder))?;
        let rootfs = std::path::absolute(&deployment.rootfs);
        let rootfs = rootfs.map_err(io_error("find", &deployment.rootfs))?;
        let record = HeldDeployment { rootfs, ..deployment };
        let path = folder.join(name_of(&record.rootfs));
        let written = serde_json::to_vec(&record).map_err(io::Error::from);
        let written = written.map_err(io_error("write", &path))?;
        self.put(&path, &written)
    }

    /// Returns the deployments that are there. Records that can't be read are told in `troubles`.
    pub(crate) fn held_deployments(
        &self,
        troubles: &mut Vec<Trouble>,
    ) -> Result<Vec<HeldDeployment>, StoreError> {
        let folder = self.deployments_folder();
        let mut held = Vec::new();
        if !folder.exists() {
            return Ok(held);
        }
        let mut names = file_names(&folder).map_err(io_error("list", &folder))?;
        names.sort_unstable();
        for name in names {
            let path = folder.join(&name);
            match read(&path) {
                Ok(record) => held.extend(record.filter(HeldDeployment::may_be_there)),
                Err(error) => troubles.push(Trouble::at(&path, error)),
            }
        }
        Ok(held)
    }

    /// The layers that deployments need.
    pub(super) fn layers_of_deployments(
        &self,
        troubles: &mut Vec<Trouble>,
    ) -> Result<BTreeSet<DiffId>, StoreError> {
        let held = self.held_deployments(troubles)?;
        Ok(held.into_iter().flat_map(|held| held.layers).collect())
    }

    /// Removes what is written down of deployments that have gone.
    pub(super) fn forget_gone_deployments(&self, troubles: &mut Vec<Trouble>) {
        let folder = self.deployments_folder();
        for name in file_names(&folder).unwrap_or_default() {
            let path = folder.join(&name);
            let is_gone = read(&path).is_ok_and(|held| held.is_some_and(|it| !it.may_be_there()));
            if is_gone && let Err(error) = gone(fs::remove_file(&path)) {
                troubles.push(Trouble::at(&path, error));
            }
        }
    }
}

impl HeldDeployment {
    /// Whether its files are there, as far as can be told.
    fn may_be_there(&self) -> bool {
        let found = fs::symlink_metadata(&self.rootfs);
        !found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }
}

fn read(path: &Path) -> Result<Option<HeldDeployment>, StoreError> {
    let Some(bytes) = read_bytes(path, MAX_BYTES)? else { return Ok(None) };
    let damaged = |problem: String| StoreError::DamagedName { path: path.to_owned(), problem };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| damaged(error.to_string()))
}

fn name_of(rootfs: &Path) -> String {
    Digest::of(rootfs.as_os_str().as_encoded_bytes()).hex()
}
