//! Deploying an image: its bundle, the check, the switch, and what is left of older ones.

use std::fs::{self, Metadata};
use std::path::Path;

use serde::Serialize;

use super::check::{Check, end_leftover};
use super::folder::Site;
use super::held::{forget, hold, may_link};
use super::locked::Locked;
use super::record::{Deployment, now};
use super::{DeployError, DeploymentName};
use crate::bundle::{BundleOptions, BundleReport, CONFIG, ROOTFS, RootAccess, bundle};
use crate::image::{Digest, Image};
use crate::progress::Progress;
use crate::store::Store;
use crate::unpack::{Files, Owners, UnpackOptions, share_files};

/// Deployments that are kept if nobody says how many: the current one and one to go back to.
const USUALLY_KEPT: usize = 2;

/// How an image is deployed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeployOptions {
    /// How its files are made, and what a container may do to them.
    pub bundle: BundleOptions,
    /// What must succeed in the new deployment before it becomes current.
    pub check: Option<Check>,
    /// How many deployments are kept. The current one and the one that can be gone back to stay in any case.
    pub keep: usize,
    /// Deploy the image even if it is current, or somebody went back from it before.
    pub again: bool,
}

impl DeployOptions {
    /// The usual ones, with owners kept so: files are shared with other deployments, and nothing may change them.
    pub fn new(owners: Owners) -> Self {
        let mut unpack = UnpackOptions::new(owners);
        unpack.files = Files::Shared;
        let mut bundle = BundleOptions::from(unpack);
        bundle.root = RootAccess::ReadOnly;
        DeployOptions { bundle, check: None, keep: USUALLY_KEPT, again: false }
    }
}

/// What came of deploying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The image is current now.
    Deployed,
    /// The image was current already.
    Unchanged,
    /// Somebody went back from the image before: it was left alone.
    RolledBackBefore,
}

/// The report of deploying.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct DeployReport {
    /// What came of it.
    pub outcome: Outcome,
    /// The deployment that is current now.
    pub current: Deployment,
    /// What its files are, if they were made now.
    pub files: Option<BundleReport>,
    /// The numbers of the deployments that were removed.
    pub removed: Vec<u64>,
}

/// Deploys `image`, which was asked for as `asked` or is to be called so, under the name of `site`. Whatever happens meanwhile, the old
/// deployment stays current until the new one is whole and its check has succeeded.
///
/// # Errors
/// If somebody else is deploying under the name, the files cannot be made, the check fails, or the switch does. The new
/// deployment is gone then.
pub fn deploy(
    site: &Site,
    image: &Image,
    asked: &str,
    store: &Store,
    options: &DeployOptions,
    progress: &dyn Progress,
) -> Result<DeployReport, DeployError> {
    let locked = site.lock()?;
    // A check that a killed process began may still run there.
    locked.leftovers()?.into_iter().for_each(|number| end_leftover(&site.folder(number)));
    // What cannot be removed is in nobody's way.
    locked.remove_leftovers().unwrap_or_else(|error| progress.note(&error.to_string()));
    if let Some(mut report) = unchanged(site, image, options)? {
        if report.outcome == Outcome::Unchanged {
            // A run that was killed after its switch has left the older ones.
            report.removed = prune(&locked, options.keep, store, progress);
            hold_image(site, &report.current, image, store)?;
        }
        share(site, (&report.current, false), image, store, options, progress);
        return Ok(report);
    }
    let number = locked.begin()?;
    let new = New { locked: &locked, number };
    let made = new.make(image, asked, store, options, progress);
    let switched = made.and_then(|made| locked.switch(number).map(|()| made));
    let (current, files) = switched.inspect_err(|_| {
        // What cannot be removed now goes when somebody deploys next.
        let _ = locked.remove(number);
        forget(site, number, store);
    })?;
    // The new one is current: what cannot be removed of old ones is no failure.
    let removed = prune(&locked, options.keep, store, progress);
    let is_new = files.unpacked.counts.bytes > 0;
    share(site, (&current, is_new), image, store, options, progress);
    Ok(DeployReport { outcome: Outcome::Deployed, current, files: Some(files), removed })
}

/// Removes deployments beyond those that are kept. What cannot be removed is told.
fn prune(locked: &Locked<'_>, keep: usize, store: &Store, progress: &dyn Progress) -> Vec<u64> {
    let removed = locked.prune(keep).unwrap_or_else(|error| {
        progress.note(&error.to_string());
        Vec::new()
    });
    removed.iter().for_each(|number| forget(locked.site, *number, store));
    removed
}

/// Gives the files of the current deployment to the store, which needs the layers' tars no more then. A deployment is
/// whole without that, and the next run of any tries again.
fn share(
    site: &Site,
    (current, is_new): (&Deployment, bool),
    image: &Image,
    store: &Store,
    options: &DeployOptions,
    progress: &dyn Progress,
) {
    let unpack = &options.bundle.unpack;
    if !current.shared || current.id != image.id() {
        return;
    }
    let rootfs = site.bundle(current.number).join(ROOTFS);
    let shared = share_files(image.config().diff_ids(), (&rootfs, is_new), store, unpack, progress);
    if let Err(error) = shared {
        progress.note(&format!("layers are kept beside the files: {error}"));
    }
}

/// The report if nothing is to be done.
fn unchanged(
    site: &Site,
    image: &Image,
    options: &DeployOptions,
) -> Result<Option<DeployReport>, DeployError> {
    let Ok(current) = site.current() else { return Ok(None) };
    let is_current = current.id == image.id();
    let is_whole = is_startable(&site.bundle(current.number));
    if is_current && (options.again || !is_whole || !current.is_made_with(options)) {
        return Ok(None);
    }
    let rolled_back = |it: &Deployment| it.id == image.id() && it.rolled_back.is_some();
    let outcome = match is_current {
        true => Outcome::Unchanged,
        false if !options.again && site.deployments()?.iter().any(rolled_back) => {
            Outcome::RolledBackBefore
        }
        false => return Ok(None),
    };
    Ok(Some(DeployReport { outcome, current, files: None, removed: Vec::new() }))
}

fn hold_image(
    site: &Site,
    deployment: &Deployment,
    image: &Image,
    store: &Store,
) -> Result<(), DeployError> {
    let name = image.reference().to_string();
    hold(site, deployment, (&name, image.config().diff_ids()), store)
}

impl Deployment {
    /// Whether it was made with options that make the same of its image.
    fn is_made_with(&self, options: &DeployOptions) -> bool {
        let unpack = &options.bundle.unpack;
        self.is_as_its_image() == (unpack.files == Files::Shared)
            && self.recorded_owners == (unpack.owners == Owners::Recorded)
            && self.root.is_none_or(|root| root == options.bundle.root)
    }
}

/// Whether a bundle has what a runtime needs at least.
pub(super) fn is_startable(bundle: &Path) -> bool {
    let is = |name: &str, kind: fn(&Metadata) -> bool| {
        fs::symlink_metadata(bundle.join(name)).is_ok_and(|about| kind(&about))
    };
    is(ROOTFS, Metadata::is_dir) && is(CONFIG, Metadata::is_file)
}

/// A deployment in the making.
struct New<'a> {
    locked: &'a Locked<'a>,
    number: u64,
}

impl New<'_> {
    fn name(&self) -> &DeploymentName {
        self.locked.site.name()
    }

    fn make(
        &self,
        image: &Image,
        asked: &str,
        store: &Store,
        options: &DeployOptions,
        progress: &dyn Progress,
    ) -> Result<(Deployment, BundleReport), DeployError> {
        let (site, number) = (self.locked.site, self.number);
        let (place, folder) = (site.bundle(number), site.folder(number));
        let mut deployment = self.planned(image, asked, store, options)?;
        // From now on nobody collects its layers, those that are not there yet either.
        hold_image(site, &deployment, image, store)?;
        let made = bundle(image, store, &place, &options.bundle, progress)?;
        if let Some(check) = &options.check {
            check.run(self.name(), &place, &folder)?;
        }
        let config = place.join(CONFIG);
        let bytes = fs::read(&config).map_err(DeployError::io("read", &config))?;
        deployment.config = Some(Digest::of(&bytes));
        deployment.write(&folder).map_err(DeployError::io("write into", &folder))?;
        Ok((deployment, made))
    }

    fn planned(
        &self,
        image: &Image,
        asked: &str,
        store: &Store,
        options: &DeployOptions,
    ) -> Result<Deployment, DeployError> {
        let wants_links = options.bundle.unpack.files == Files::Shared;
        let shared = wants_links && may_link(store, &self.locked.site.folder(self.number))?;
        Ok(Deployment {
            number: self.number,
            image: asked.to_owned(),
            id: image.id(),
            digest: image.manifest().map(|manifest| manifest.digest()),
            store: Some(store.path().to_owned()),
            shared,
            copied: wants_links && !shared,
            recorded_owners: options.bundle.unpack.owners == Owners::Recorded,
            root: Some(options.bundle.root),
            config: None,
            deployed: now(),
            rolled_back: None,
        })
    }
}
