//! What deployments need of the store: written down by them, looked at by collection.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::io_error;
use super::files::{file_names, gone, read_record_bytes};
use super::format::WITH_RECIPES;
use super::names::Hold;
use super::trouble::Trouble;
use super::{Store, StoreError};
use crate::image::{DiffId, Digest, ImageId};
use crate::sealed::{seal, unseal};
use crate::temporary::create_folders;

/// Bytes of a record: a path, a name and the digests of a few hundred layers.
const MAX_BYTES: u64 = 1 << 20;

/// A deployment that needs layers of the store: its files are links to the store's, and the next delta starts there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldDeployment {
    /// The folder of all deployments under its name.
    pub(crate) site: PathBuf,
    /// Where its files are, below `site`.
    pub(crate) rootfs: PathBuf,
    /// The image as it was asked for.
    pub(crate) image: String,
    /// The image ID.
    pub(crate) id: ImageId,
    /// The digest of its manifest, if it had one.
    pub(crate) digest: Option<Digest>,
    /// Whether nothing may have changed its files: they are links to those of the store, or copies where there can be no
    /// links.
    pub(crate) is_shared: bool,
    /// Whether owners are recorded in an attribute.
    pub(crate) has_recorded_owners: bool,
    /// The layers, bottom first.
    pub(crate) layers: Vec<DiffId>,
    /// The number of the file system with `site` (statvfs(3), `f_fsid`), if it has one.
    #[serde(default)]
    pub(crate) file_system: Option<u64>,
}

/// What became of a deployment, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    There,
    Gone,
    /// Its file system is not mounted, or cannot be looked at.
    OutOfReach,
}

impl Store {
    fn deployments_folder(&self) -> PathBuf {
        self.path().join("deployments")
    }

    /// Keeps the layers of `deployment` until its files have gone.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub(crate) fn hold_for_deployment(&self, deployment: HeldDeployment) -> Result<(), StoreError> {
        let record = deployment.lasting().map_err(io_error("find", &deployment.site))?;
        let folder = self.deployments_folder();
        let path = folder.join(name_of(&record.rootfs));
        if read(&path).is_ok_and(|there| there.as_ref() == Some(&record)) {
            return Ok(());
        }
        self.raise_format(WITH_RECIPES)?;
        create_folders(&folder, 0o700).map_err(io_error("create", &folder))?;
        // Whoever collects now has not seen the record; whoever does later sees it.
        let _lock = self.lock_names(Hold::Shared)?;
        self.put(&path, &seal(&record))
    }

    /// Returns the deployments that are there or out of reach. Records that can't be read are told in `troubles`.
    pub(crate) fn held_deployments(
        &self,
        troubles: &mut Vec<Trouble>,
    ) -> Result<Vec<HeldDeployment>, StoreError> {
        let mut held = Vec::new();
        self.each_record(|path, record| match record {
            Ok(record) if record.presence() == Presence::Gone => {}
            Ok(record) => held.push(record),
            Err(error) => troubles.push(Trouble::at(path, error)),
        })?;
        Ok(held)
    }

    /// Returns what is known of the deployment whose files are in `rootfs`.
    ///
    /// # Errors
    /// If its record cannot be read, or is damaged.
    pub(crate) fn held_deployment(
        &self,
        rootfs: &Path,
    ) -> Result<Option<HeldDeployment>, StoreError> {
        let rootfs = std::path::absolute(rootfs).map_err(io_error("find", rootfs))?;
        read(&self.deployments_folder().join(name_of(&rootfs)))
    }

    /// Forgets the deployment whose files were in `rootfs`: what only it needs can be collected.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub(crate) fn forget_deployment(&self, rootfs: &Path) -> Result<(), StoreError> {
        let name = HeldDeployment::record_name(rootfs).map_err(io_error("find", rootfs))?;
        let path = self.deployments_folder().join(name);
        gone(fs::remove_file(&path)).map_err(io_error("remove", &path))
    }

    /// Returns where the files of the deployments are that are known in the folder `site` and out of reach.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(crate) fn out_of_reach_in(&self, site: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let site = std::path::absolute(site).map_err(io_error("find", site))?;
        let mut found = Vec::new();
        self.each_record(|_, record| match record {
            Ok(record) if record.site == site && record.presence() == Presence::OutOfReach => {
                found.push(record.rootfs);
            }
            _ => {}
        })?;
        Ok(found)
    }

    /// The layers that deployments need.
    pub(super) fn layers_of_deployments(
        &self,
        troubles: &mut Vec<Trouble>,
    ) -> Result<BTreeSet<DiffId>, StoreError> {
        let held = self.held_deployments(troubles)?;
        Ok(held.into_iter().flat_map(|held| held.layers).collect())
    }

    /// Removes what is written down of deployments that have gone, if `really`. Returns where those are that are out of
    /// reach.
    pub(super) fn forget_gone_deployments(
        &self,
        really: bool,
        troubles: &mut Vec<Trouble>,
    ) -> Result<Vec<PathBuf>, StoreError> {
        let mut out_of_reach = Vec::new();
        self.each_record(|path, record| match record.map(|it| (it.presence(), it.rootfs)) {
            Ok((Presence::OutOfReach, rootfs)) => out_of_reach.push(rootfs),
            Ok((Presence::Gone, _)) if really => {
                if let Err(error) = gone(fs::remove_file(path)) {
                    troubles.push(Trouble::at(path, error));
                }
            }
            // Told by whoever asks what is needed.
            Ok(_) | Err(_) => {}
        })?;
        Ok(out_of_reach)
    }

    /// Tells the records in `troubles` that could not be read now, and may be whole.
    pub(super) fn tell_unreadable_deployment_records(
        &self,
        troubles: &mut Vec<Trouble>,
    ) -> Result<(), StoreError> {
        self.each_record(|path, record| match record {
            Ok(_) | Err(StoreError::DamagedName { .. }) => {}
            Err(error) => troubles.push(Trouble::at(path, error)),
        })
    }

    /// The records that nobody can read any more.
    pub(super) fn damaged_deployment_records(&self) -> Result<Vec<Trouble>, StoreError> {
        let mut damaged = Vec::new();
        self.each_record(|path, record| {
            if let Err(error @ StoreError::DamagedName { .. }) = record {
                damaged.push(Trouble::at(path, error));
            }
        })?;
        Ok(damaged)
    }

    /// Calls `look` with every record, in the order of their files' names.
    fn each_record(
        &self,
        mut look: impl FnMut(&Path, Result<HeldDeployment, StoreError>),
    ) -> Result<(), StoreError> {
        let folder = self.deployments_folder();
        if !folder.exists() {
            return Ok(());
        }
        let mut names = file_names(&folder).map_err(io_error("list", &folder))?;
        names.sort_unstable();
        for name in names {
            let path = folder.join(&name);
            match read(&path) {
                Ok(None) => {}
                Ok(Some(record)) => look(&path, Ok(record)),
                Err(error) => look(&path, Err(error)),
            }
        }
        Ok(())
    }
}

impl HeldDeployment {
    /// The name of the record's file.
    pub(crate) fn record_name(rootfs: &Path) -> io::Result<String> {
        Ok(name_of(&std::path::absolute(rootfs)?))
    }

    /// The record as it holds in every folder, with what tells later whether the deployment has gone.
    fn lasting(&self) -> io::Result<Self> {
        let site = std::path::absolute(&self.site)?;
        let rootfs = std::path::absolute(&self.rootfs)?;
        Ok(HeldDeployment { file_system: file_system_at(&site)?, site, rootfs, ..self.clone() })
    }

    /// The deployment's own folder, with all that is of it.
    pub(crate) fn folder(&self) -> PathBuf {
        let below = self.rootfs.strip_prefix(&self.site).ok();
        let name = below.and_then(|below| below.iter().next());
        name.map_or_else(|| self.rootfs.clone(), |name| self.site.join(name))
    }

    /// What became of the deployment. A folder that is not there tells nothing if the file system is another one, such
    /// as the one that something is usually mounted on.
    pub(super) fn presence(&self) -> Presence {
        match fs::symlink_metadata(self.folder()) {
            Ok(_) => return Presence::There,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => return Presence::OutOfReach,
        }
        let there = self.site.ancestors().find(|path| path.exists());
        let here = there.and_then(|path| file_system_at(path).ok().flatten());
        let is_same = here.is_some() && here == self.file_system;
        match is_same || (self.file_system.is_none() && self.site.exists()) {
            true => Presence::Gone,
            false => Presence::OutOfReach,
        }
    }
}

/// The number of the file system that `path` is on; `None` if it has none.
fn file_system_at(path: &Path) -> io::Result<Option<u64>> {
    let number = rustix::fs::statvfs(path)?.f_fsid;
    Ok(Some(number).filter(|&number| number != 0))
}

/// The record in the file `path`, which is named by what it is of.
fn read(path: &Path) -> Result<Option<HeldDeployment>, StoreError> {
    let Some(bytes) = read_record_bytes(path, MAX_BYTES)? else { return Ok(None) };
    let damaged = |problem: String| StoreError::DamagedName { path: path.to_owned(), problem };
    let record: HeldDeployment = unseal(&bytes).map_err(damaged)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name == name_of(&record.rootfs) && record.rootfs.starts_with(&record.site) {
        true => Ok(Some(record)),
        false => Err(damaged("it is the record of another deployment".to_owned())),
    }
}

fn name_of(rootfs: &Path) -> String {
    Digest::of(rootfs.as_os_str().as_encoded_bytes()).hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(site: &Path) -> HeldDeployment {
        let digest = Digest::of(b"image");
        HeldDeployment {
            site: site.to_owned(),
            rootfs: site.join("1/bundle/rootfs"),
            image: "image".to_owned(),
            id: ImageId(digest),
            digest: None,
            is_shared: true,
            has_recorded_owners: false,
            layers: vec![DiffId(digest)],
            file_system: None,
        }
    }

    #[test]
    fn what_is_not_there_has_gone_only_if_its_file_system_is_there() {
        let top = tempfile::tempdir().expect("folder");
        let site = top.path().join("all/app");
        fs::create_dir_all(site.join("1/bundle/rootfs")).expect("made");
        let there = held(&site).lasting().expect("a folder");
        assert_eq!(there.presence(), Presence::There);
        fs::remove_dir_all(top.path().join("all")).expect("removed");
        assert_eq!(there.presence(), Presence::Gone);
        let elsewhere = HeldDeployment { file_system: there.file_system.map(|it| it ^ 1), ..there };
        assert_eq!(elsewhere.presence(), Presence::OutOfReach);
        // Nothing tells file systems apart that have no number.
        let nameless = HeldDeployment { file_system: None, ..elsewhere };
        assert_eq!(nameless.presence(), Presence::OutOfReach);
        fs::create_dir_all(&site).expect("made");
        assert_eq!(nameless.presence(), Presence::Gone);
    }

    #[test]
    fn collection_keeps_what_a_deployment_out_of_reach_needs_and_says_so() {
        let (top, folder) =
            (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
        let store = Store::open(folder.path().join("store")).expect("a store");
        let site = top.path().join("app");
        fs::create_dir_all(&site).expect("made");
        store.hold_for_deployment(held(&site)).expect("held");
        let record = &fs::read_dir(store.deployments_folder()).expect("there").next();
        let record = record.as_ref().expect("a record").as_ref().expect("readable").path();
        let text = fs::read_to_string(&record).expect("text");
        let there = held(&site).lasting().expect("a folder");
        let elsewhere = HeldDeployment { file_system: Some(1), ..there };
        fs::write(&record, seal(&elsewhere)).expect("written");
        let report = store.gc(Default::default()).expect("collected");
        assert_eq!(report.out_of_reach, [site.join("1/bundle/rootfs")]);
        assert!(record.exists());
        fs::write(&record, text).expect("written");
        assert_eq!(
            store.gc(Default::default()).expect("collected").out_of_reach,
            [""; 0].map(PathBuf::from)
        );
        assert!(!record.exists());
    }
}
