//! Deployments that the store does not know of any more, because what it had written down was damaged or lost.

use std::fs;
use std::path::{Path, PathBuf};

use super::DeployError;
use super::folder::{Deployments, Site};
use super::held::hold;
use super::record::Deployment;
use crate::bundle::ROOTFS;
use crate::store::{HeldDeployment, KeptImage, Store};

/// Has the store know again of those deployments in `deployments` that were made from it, or whose `removed` records were
/// damaged, as far as the store has their images by name. Returns where their files are.
///
/// # Errors
/// If a folder cannot be listed, or the store cannot be written to.
pub fn recover(
    removed: &[PathBuf],
    deployments: &Deployments,
    store: &Store,
) -> Result<Vec<PathBuf>, DeployError> {
    let mut recovered = Vec::new();
    let (images, _) = store.kept_images()?;
    for (site, deployment) in unheld(deployments, store, |rootfs| is_of(removed, rootfs))? {
        if hold_again(&site, &deployment, &images, store)? {
            recovered.push(site.bundle(deployment.number).join(ROOTFS));
        }
    }
    Ok(recovered)
}

/// Where the files of those deployments in `deployments` are that were made from `store`, and that it does not know of.
pub(super) fn unknown_to(
    store: &Store,
    deployments: &Deployments,
) -> Result<Vec<PathBuf>, DeployError> {
    let unheld = unheld(deployments, store, |_| false)?.into_iter();
    Ok(unheld.map(|(site, deployment)| site.bundle(deployment.number).join(ROOTFS)).collect())
}

/// The deployments that `store` does not know of, and that were made from it or are `its` by their path.
fn unheld(
    deployments: &Deployments,
    store: &Store,
    its: impl Fn(&Path) -> bool,
) -> Result<Vec<(Site, Deployment)>, DeployError> {
    let mut unheld = Vec::new();
    for site in deployments.sites()? {
        for deployment in site.deployments()? {
            let rootfs = site.bundle(deployment.number).join(ROOTFS);
            // A damaged record is told of as such.
            let is_known = !matches!(store.held_deployment(&rootfs), Ok(None));
            if !is_known && (is_made_from(&deployment, store) || its(&rootfs)) {
                unheld.push((site.clone(), deployment));
            }
        }
    }
    Ok(unheld)
}

fn is_made_from(deployment: &Deployment, store: &Store) -> bool {
    let Some(its) = &deployment.store else { return false };
    let is_same = |one: &Path, other: &Path| {
        Some(fs::canonicalize(one).ok()? == fs::canonicalize(other).ok()?)
    };
    is_same(its, store.path()).unwrap_or(false)
}

fn is_of(removed: &[PathBuf], rootfs: &Path) -> bool {
    let Ok(name) = HeldDeployment::record_name(rootfs) else { return false };
    removed.iter().any(|path| path.file_name().is_some_and(|it| *it == *name))
}

/// Returns whether the store has the deployment's image.
fn hold_again(
    site: &Site,
    deployment: &Deployment,
    images: &[KeptImage],
    store: &Store,
) -> Result<bool, DeployError> {
    let Some(image) = images.iter().find(|image| image.id() == deployment.id) else {
        return Ok(false);
    };
    let name = image.reference().to_string();
    hold(site, deployment, (&name, image.config().diff_ids()), store)?;
    Ok(true)
}
