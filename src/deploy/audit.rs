//! Deployments compared with their images, and mended.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::DeployError;
use super::audit_report::{AuditReport, DamagedDeployment};
use super::check::MAX_CONFIG_BYTES;
use super::folder::{CURRENT, Deployments, Link, Site};
use super::held::may_link;
use super::record::{Deployment, FILE};
use super::recover::unknown_to;
use crate::Cause;
use crate::beneath::Folder;
use crate::bundle::CONFIG;
use crate::image::Digest;
use crate::progress::Progress;
use crate::small_file::read_small_file;
use crate::store::{HeldDeployment, Store, Trouble, VerifyReport};
use crate::unpack::{
    Files, MadeTree, Owners, TreeFindings, UnpackError, UnpackOptions, compare_tree, share_files,
};

/// Compares the deployments that need `store`, and those in `deployments` that were made from it, with their images: their
/// files, their records, their configurations. Files that `verified` has read are not read again. If `mends`, files that
/// differ are made again, from layers that must be there, and records written again.
///
/// # Errors
/// If the store cannot be read. What cannot be compared or mended is told in the report.
pub fn audit(
    store: &Store,
    deployments: Option<&Deployments>,
    verified: &VerifyReport,
    mends: bool,
    progress: &dyn Progress,
) -> Result<AuditReport, DeployError> {
    let mut report = AuditReport::default();
    let audit = Audit { store, verified, mends, progress };
    // Those that can't be read are told by whoever verifies the store.
    let held = store.held_deployments(&mut Vec::new())?;
    for deployment in &held {
        match deployment.folder().exists() {
            true => audit.add(&deployment.rootfs, &mut report),
            false => report.out_of_reach.push(deployment.rootfs.clone()),
        }
    }
    let mut sites: Vec<Site> = held.iter().filter_map(|it| Site::at(&it.site)).collect();
    if let Some(deployments) = deployments {
        report.unknown = unknown_to(store, deployments)?;
        sites.extend(deployments.sites()?);
    }
    look_at_links(sites, &mut report);
    Ok(report)
}

struct Audit<'a> {
    store: &'a Store,
    verified: &'a VerifyReport,
    mends: bool,
    progress: &'a dyn Progress,
}

impl Audit<'_> {
    fn add(&self, rootfs: &Path, report: &mut AuditReport) {
        match self.look_at(rootfs, report) {
            Ok(None) => {}
            Ok(Some(found)) => {
                report.deployments += 1;
                if found.differing + found.foreign > 0 || found.record || found.config {
                    report.damaged.push(found);
                }
            }
            // The layer is told of with those of the store.
            Err(error) if error.cause() == Cause::DamagedLayer => {
                report.not_compared.push(rootfs.to_owned());
            }
            Err(error) => report.troubles.push(Trouble::at(rootfs, error)),
        }
    }

    /// Returns what was found; `None` if the deployment is being made or removed.
    fn look_at(
        &self,
        rootfs: &Path,
        report: &mut AuditReport,
    ) -> Result<Option<DamagedDeployment>, DeployError> {
        // What is there may be a later one under the same number: looked up again when nobody can remove it any more.
        let held = || self.store.held_deployment(rootfs);
        let Some(site) = held()?.and_then(|it| Site::at(&it.site)) else { return Ok(None) };
        let Some(number) = site.number_of(rootfs) else { return Ok(None) };
        let folder = site.folder(number);
        let kept = keep(site.open_folder(number)).map_err(DeployError::io("lock", &folder))?;
        let Some(_lock) = kept else {
            return Ok(None);
        };
        let Some(held) = held()? else { return Ok(None) };
        let is_whole = fs::symlink_metadata(folder.join(FILE)).is_ok();
        if !is_whole && site.linked() != Some(number) {
            return Ok(None);
        }
        let record = Deployment::read(&folder, number).filter(|record| record.id == held.id);
        let is_read_only = record.as_ref().is_some_and(Deployment::is_read_only);
        let tree = match (held.is_shared, is_read_only) {
            (true, _) => self.compare_files(&held, Files::Shared)?,
            (false, true) => self.compare_files(&held, Files::Own)?,
            (false, false) => {
                report.changeable.push(rootfs.to_owned());
                TreeFindings::default()
            }
        };
        let has_record = record.is_some();
        if !has_record && self.mends {
            let links = may_link(self.store, &folder)?;
            let written = self.write_record(&held, &folder, number, links);
            written.map_err(DeployError::io("write into", &folder))?;
        }
        let TreeFindings { differing, mended, foreign, paths, not_mended } = tree;
        let not_mended = not_mended.iter().map(|(path, why, cause)| {
            let below = OsStr::from_bytes(path);
            Trouble::found(&rootfs.join(below), why, *cause)
        });
        Ok(Some(DamagedDeployment {
            rootfs: rootfs.to_owned(),
            differing,
            mended,
            foreign,
            paths,
            not_mended: not_mended.collect(),
            record: !has_record,
            config: record.is_some_and(|record| has_other_config(&site.bundle(number), &record)),
        }))
    }

    fn compare_files(
        &self,
        held: &HeldDeployment,
        files: Files,
    ) -> Result<TreeFindings, DeployError> {
        let HeldDeployment { rootfs, layers, .. } = held;
        let owners = if held.has_recorded_owners { Owners::Recorded } else { Owners::Set };
        if owners == Owners::Set && UnpackOptions::default().owners != owners {
            let problem = "its files belong to several users, whom this process cannot have";
            return Err(UnpackError::place("compare", rootfs)(io::Error::new(
                io::ErrorKind::PermissionDenied,
                problem,
            ))
            .into());
        }
        let Some(top) = self.open_files(held).map_err(DeployError::io("open", rootfs))? else {
            // Whatever is there is not ours to change.
            let paths = vec!["/".to_owned()];
            return Ok(TreeFindings { differing: 1, paths, ..TreeFindings::default() });
        };
        let made = MadeTree { top: &top, rootfs, layers, owners, files };
        let sound = self.verified.sound_files();
        let found = compare_tree(made, self.store, sound, self.mends, self.progress)?;
        if self.mends {
            let mut options = UnpackOptions::new(owners);
            options.files = files;
            share_files(layers, (rootfs, false), self.store, &options, self.progress)?;
        }
        Ok(found)
    }

    /// The folder with the files, made again if it is missing and that is wanted; `None` if it is not there, or something on
    /// the way to it is a link.
    fn open_files(&self, held: &HeldDeployment) -> io::Result<Option<Folder>> {
        let HeldDeployment { site, rootfs, .. } = held;
        let Ok(below) = rootfs.strip_prefix(site) else { return Ok(None) };
        let mut folder = Folder::open(site)?;
        for name in below {
            let name = name.as_encoded_bytes();
            folder = match folder.open_dir(name) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.mends => {
                    folder.make_dir(name)?
                }
                Err(_) => return Ok(None),
                Ok(below) => below,
            };
        }
        Ok(Some(folder))
    }

    fn write_record(
        &self,
        held: &HeldDeployment,
        folder: &Path,
        number: u64,
        may_link: bool,
    ) -> io::Result<()> {
        let made = fs::metadata(folder)?.mtime();
        let record = Deployment {
            number,
            image: held.image.clone(),
            id: held.id,
            digest: held.digest,
            store: Some(self.store.path().to_owned()),
            shared: held.is_shared && may_link,
            copied: held.is_shared && !may_link,
            recorded_owners: held.has_recorded_owners,
            root: None,
            config: None,
            deployed: made.try_into().unwrap_or_default(),
            rolled_back: None,
        };
        record.write(folder)
    }
}

/// Looks whether the links to current deployments lead to one.
fn look_at_links(mut sites: Vec<Site>, report: &mut AuditReport) {
    sites.sort_by(|one, other| one.path().cmp(other.path()));
    sites.dedup_by(|one, other| one.path() == other.path());
    for site in sites.iter().filter(|site| !site.is_in_use()) {
        match site.link() {
            Link::Whole => {}
            Link::Missing if site.deployments().is_ok_and(|all| all.is_empty()) => {}
            Link::Missing => report.none_current.push(site.path().to_owned()),
            Link::Broken(why) => {
                report.broken_links.push(Trouble::found(
                    &site.path().join(CURRENT),
                    why,
                    Cause::Obstacle,
                ));
            }
        }
    }
}

/// Keeps a deployment from being removed for as long as what is returned lives; `None` if it is being removed.
fn keep(folder: io::Result<File>) -> io::Result<Option<File>> {
    let held = match folder {
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
