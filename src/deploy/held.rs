//! What a store knows of deployments, so that it keeps what they need, and where links lead from it to them.

use std::path::Path;

use super::DeployError;
use super::folder::Site;
use super::record::Deployment;
use crate::beneath::Folder;
use crate::bundle::ROOTFS;
use crate::image::DiffId;
use crate::store::{HeldDeployment, Store};

/// Has the store keep what a deployment needs: the layers of an image that can be had again by this name.
pub(super) fn hold(
    site: &Site,
    deployment: &Deployment,
    (image, layers): (&str, &[DiffId]),
    store: &Store,
) -> Result<(), DeployError> {
    Ok(store.hold_for_deployment(HeldDeployment {
        site: site.path().to_owned(),
        rootfs: site.bundle(deployment.number).join(ROOTFS),
        image: image.to_owned(),
        id: deployment.id,
        digest: deployment.digest,
        is_shared: deployment.is_as_its_image(),
        has_recorded_owners: deployment.recorded_owners,
        layers: layers.to_vec(),
        file_system: None,
    })?)
}

/// Has the store forget a deployment that was removed, so that nobody takes it later for one whose disk is away. What
/// cannot be forgotten now is forgotten by collection.
pub(super) fn forget(site: &Site, number: u64, store: &Store) {
    if site.folder(number).exists() {
        return;
    }
    if let Err(error) = store.forget_deployment(&site.bundle(number).join(ROOTFS)) {
        tracing::debug!("{error}");
    }
}

/// Whether files in `folder` may be links to those of the store.
pub(super) fn may_link(store: &Store, folder: &Path) -> Result<bool, DeployError> {
    let open = Folder::open(folder).map_err(DeployError::io("open", folder))?;
    let objects = store.objects()?;
    objects.may_link_to(&open).map_err(DeployError::io("read", objects.path()))
}
