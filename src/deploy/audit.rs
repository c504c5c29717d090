//! Deployments compared with their images, and mended.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::DeployError;
use super::check::MAX_CONFIG_BYTES;
use super::folder::Site;
use super::record::{Deployment, FILE};
use crate::beneath::Folder;
use crate::bundle::CONFIG;
use crate::image::Digest;
use crate::progress::Progress;
use crate::small_file::read_small_file;
use crate::store::{HeldDeployment, Store, Trouble, VerifyReport};
use crate::unpack::{
    Files, MadeTree, Owners, TreeFindings, UnpackError, UnpackOptions, compare_tree, share_files,
};

/// The deployments that need a store, compared with their images.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct AuditReport {
    /// How many deployments were compared.
    pub deployments: u64,
    /// Those that are not as they were made.
    pub damaged: Vec<DamagedDeployment>,
    /// The files of deployments that could not be looked at because their file system is not mounted.
    pub out_of_reach: Vec<PathBuf>,
    /// What could not be compared or mended, and why.
    pub troubles: Vec<Trouble>,
}

/// A deployment that is not as it was made.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct DamagedDeployment {
    /// Where its files are.
    pub rootfs: PathBuf,
    /// Files, links and folders that were not as the image says.
    pub differing: u64,
    /// How many of these were made again.
    pub mended: u64,
    /// Names that the image does not have. They are left alone.
    pub foreign: u64,
    /// The first paths of both kinds.
    pub paths: Vec<String>,
    /// Whether its record could not be read. The record is written again with what is known if it is mended.
    pub record: bool,
    /// Whether its `config.json` is another than the one that was made. It is left alone.
    pub config: bool,
}

impl DamagedDeployment {
    /// Returns whether it is not as it was made, still.
    pub fn is_damaged_still(&self) -> bool {
        self.mended < self.differing || self.foreign > 0 || self.config
    }
}

/// Compares the deployments that need `store` with their images: their files, their records, their configurations. Files
/// that `verified` has read are not read again. If `mends`, files that differ are made again, from layers that must be
/// there, and records written again.
///
/// # Errors
/// If the store cannot be read. What cannot be compared or mended is told in the report.
pub fn audit(
    store: &Store,
    verified: &VerifyReport,
    mends: bool,
    progress: &dyn Progress,
) -> Result<AuditReport, DeployError> {
    let mut report = AuditReport::default();
    // Those that can't be read are told by whoever verifies the store.
    let held = store.held_deployments(&mut Vec::new())?;
    for deployment in &held {
        let audit = Audit { held: deployment, store, verified, mends, progress };
        if !deployment.folder().exists() {
            report.out_of_reach.push(deployment.rootfs.clone());
            continue;
        }
        match audit.run() {
            Ok(None) => {}
            Ok(Some(found)) => {
                report.deployments += 1;
                if found.differing + found.foreign > 0 || found.record || found.config {
                    report.damaged.push(found);
                }
            }
            Err(error) => report.troubles.push(Trouble::at(&deployment.rootfs, error)),
        }
    }
    Ok(report)
}

struct Audit<'a> {
    held: &'a HeldDeployment,
    store: &'a Store,
    verified: &'a VerifyReport,
    mends: bool,
    progress: &'a dyn Progress,
}

impl Audit<'_> {
    /// Returns what was found; `None` if the deployment is being made or removed.
    fn run(&self) -> Result<Option<DamagedDeployment>, DeployError> {
        let rootfs = &self.held.rootfs;
        let site = Site::at(&self.held.site);
        let place = site.and_then(|site| Some((site.number_of(rootfs)?, site)));
        let Some((number, site)) = place else { return Ok(None) };
        let folder = site.folder(number);
        let Some(_lock) = keep(&folder).map_err(DeployError::io("lock", &folder))? else {
            return Ok(None);
        };
        let is_whole = fs::symlink_metadata(folder.join(FILE)).is_ok();
        if !is_whole && site.linked() != Some(number) {
            return Ok(None);
        }
        let record = Deployment::read(&folder, number);
        let tree = match self.held.is_shared {
            true => self.compare_files()?,
            // A container may have changed files of its own.
            false => TreeFindings::default(),
        };
        let has_record = record.is_some();
        if !has_record && self.mends {
            self.write_record(&folder, number).map_err(DeployError::io("write into", &folder))?;
        }
        let TreeFindings { differing, mended, foreign, paths } = tree;
        Ok(Some(DamagedDeployment {
            rootfs: rootfs.clone(),
            differing,
            mended,
            foreign,
            paths,
            record: !has_record,
            config: record.is_some_and(|record| has_other_config(&site.bundle(number), &record)),
        }))
    }

    fn compare_files(&self) -> Result<TreeFindings, DeployError> {
        let HeldDeployment { rootfs, layers, .. } = self.held;
        let owners = if self.held.has_recorded_owners { Owners::Recorded } else { Owners::Set };
        if owners == Owners::Set && UnpackOptions::default().owners != owners {
            let problem = "its files belong to several users, whom this process cannot have";
            return Err(UnpackError::place("compare", rootfs)(io::Error::other(problem)).into());
        }
        let Some(top) = self.open_files().map_err(DeployError::io("open", rootfs))? else {
            // Whatever is there is not ours to change.
            let paths = vec!["/".to_owned()];
            return Ok(TreeFindings { differing: 1, paths, ..TreeFindings::default() });
        };
        let made = MadeTree { top: &top, rootfs, layers, owners };
        let sound = self.verified.sound_files();
        let found = compare_tree(made, self.store, sound, self.mends, self.progress)?;
        if self.mends {
            let mut options = UnpackOptions::new(owners);
            options.files = Files::Shared;
            share_files(layers, (rootfs, false), self.store, &options, self.progress)?;
        }
        Ok(found)
    }

    /// The folder with the files; `None` if it is not there, or something on the way to it is a link.
    fn open_files(&self) -> io::Result<Option<Folder>> {
        let HeldDeployment { site, rootfs, .. } = self.held;
        let Ok(below) = rootfs.strip_prefix(site) else { return Ok(None) };
        let mut folder = Folder::open(site)?;
        for name in below {
            folder = match folder.open_dir(name.as_encoded_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
                Err(_) => return Ok(None),
                Ok(below) => below,
            };
        }
        Ok(Some(folder))
    }

    fn write_record(&self, folder: &Path, number: u64) -> io::Result<()> {
        let made = fs::metadata(folder)?.mtime();
        let record = Deployment {
            number,
            image: self.held.image.clone(),
            id: self.held.id,
            digest: self.held.digest,
            shared: self.held.is_shared,
            recorded_owners: self.held.has_recorded_owners,
            root: None,
            config: None,
            deployed: made.try_into().unwrap_or_default(),
            rolled_back: None,
        };
        record.write(folder)
    }
}

/// Keeps a deployment from being removed for as long as what is returned lives; `None` if it is being removed.
fn keep(folder: &Path) -> io::Result<Option<File>> {
    let held = match File::open(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        held => held?,
    };
    match held.try_lock_shared() {
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        // Where there are no locks everybody has it.
        _ => Ok(Some(held)),
    }
}

fn has_other_config(bundle: &Path, record: &Deployment) -> bool {
    let Some(made) = record.config else { return false };
    let found = read_small_file(&bundle.join(CONFIG), MAX_CONFIG_BYTES);
    found.map_or(true, |bytes| Digest::of(&bytes) != made)
}
