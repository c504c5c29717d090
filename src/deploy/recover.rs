//! Deployments that the store does not know of any more, because what it had written down was damaged.

use std::path::{Path, PathBuf};

use super::DeployError;
use super::change::hold;
use super::folder::{Deployments, Site};
use super::record::Deployment;
use crate::bundle::ROOTFS;
use crate::store::{HeldDeployment, KeptImage, Store};

/// Has the store know again of those deployments whose `removed` records were damaged, as far as they are in
/// `deployments` and the store has their images by name. Returns where their files are.
///
/// # Errors
/// If a folder cannot be listed, or the store cannot be written to.
pub fn recover(
    removed: &[PathBuf],
    deployments: &Deployments,
    store: &Store,
) -> Result<Vec<PathBuf>, DeployError> {
    let mut recovered = Vec::new();
    if removed.is_empty() {
        return Ok(recovered);
    }
    let (images, _) = store.kept_images()?;
    for site in deployments.sites()? {
        for deployment in site.deployments()? {
            let rootfs = site.bundle(deployment.number).join(ROOTFS);
            if is_of(removed, &rootfs) && hold_again(&site, &deployment, &images, store)? {
                recovered.push(rootfs);
            }
        }
    }
    Ok(recovered)
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
