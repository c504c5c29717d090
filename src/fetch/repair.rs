//! Fetching again what was damaged on disk, and mending the deployments that had it.

use std::path::PathBuf;

use serde::Serialize;

use super::FetchError;
use super::blob::Traffic;
use super::carry_out::carry_out;
use super::options::PullOptions;
use super::plan::Plan;
use crate::image::{DiffId, Digest, ImageReference, RegistryReference, Transports};
use crate::progress::Progress;
use crate::store::{HeldDeployment, Store, Trouble};
use crate::unpack::{Files, Owners, UnpackOptions, mend_files, share_files};

/// What was repaired.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct RepairReport {
    /// The layers that were fetched again.
    pub fetched: Vec<DiffId>,
    /// The trees of deployments in which files were made again.
    pub mended: Vec<PathBuf>,
    /// How many files that were.
    pub mended_files: u64,
    /// What could not be repaired, and why.
    pub troubles: Vec<Trouble>,
}

/// Where a layer that is missing may be had.
struct Source {
    diff_id: DiffId,
    /// Its number in the image.
    index: usize,
    image: ImageReference,
}

/// Fetches the layers that images and deployments need and the store lacks, since they were damaged or lost, from where
/// their images came; then compares the files of all deployments that share files with their layers, and makes those
/// again that differ. What cannot be repaired is told in the report.
///
/// # Errors
/// If the store cannot be read.
pub fn repair(
    store: &Store,
    options: &PullOptions,
    transports: &Transports,
    progress: &dyn Progress,
) -> Result<RepairReport, FetchError> {
    let mut report = RepairReport::default();
    let deployments = store.held_deployments(&mut report.troubles)?;
    let needed = sources(store, &deployments)?.into_iter();
    let missing: Vec<Source> = needed.filter(|it| !store.has_layer(&it.diff_id)).collect();
    for source in &missing {
        // Another image with the layer may have come before.
        let fetched = match store.has_layer(&source.diff_id) {
            true => Ok(()),
            false => fetch(source, options, transports, store, progress),
        };
        match fetched {
            Ok(()) if report.fetched.contains(&source.diff_id) => {}
            Ok(()) => report.fetched.push(source.diff_id),
            Err(error) => {
                let place = PathBuf::from(source.image.to_string());
                report.troubles.push(Trouble::at(&place, error));
            }
        }
    }
    for deployment in deployments.iter().filter(|deployment| deployment.is_shared) {
        mend(deployment, store, progress, &mut report);
    }
    Ok(report)
}

/// Every layer that something needs, with the images that have it.
fn sources(store: &Store, deployments: &[HeldDeployment]) -> Result<Vec<Source>, FetchError> {
    let mut sources = Vec::new();
    let mut add = |image: ImageReference, layers: &[DiffId]| {
        let source = |(index, diff_id): (usize, &DiffId)| Source {
            diff_id: *diff_id,
            index,
            image: image.clone(),
        };
        sources.extend(layers.iter().enumerate().map(source));
    };
    for kept in store.kept_images()?.0 {
        let digest = kept.manifest().map(|manifest| manifest.digest());
        add(pinned(kept.reference().clone(), digest), kept.config().diff_ids());
    }
    for deployment in deployments {
        if let Ok(image) = deployment.image.parse() {
            add(pinned(image, deployment.digest), &deployment.layers);
        }
    }
    Ok(sources)
}

/// The image by its digest: the tag may lead to another one by now.
fn pinned(reference: ImageReference, digest: Option<Digest>) -> ImageReference {
    let (ImageReference::Registry(registry), Some(digest)) = (&reference, digest) else {
        return reference;
    };
    let by_digest = format!("{}@{digest}", registry.repository());
    match RegistryReference::in_registry(registry.host(), &by_digest) {
        Ok(pinned) => ImageReference::Registry(pinned),
        Err(_) => reference,
    }
}

/// Brings in what is missing of the image, by the cheapest way there is.
fn fetch(
    source: &Source,
    options: &PullOptions,
    transports: &Transports,
    store: &Store,
    progress: &dyn Progress,
) -> Result<(), FetchError> {
    let plan = Plan::make(&source.image, options, &[], transports, store, progress)?;
    match plan.opened.config().diff_ids().get(source.index) {
        Some(found) if *found == source.diff_id => {
            carry_out(&plan, store, &Traffic::default(), progress).map(drop)
        }
        // Another image has the name by now.
        _ => {
            Err(FetchError::LayerGone { image: source.image.to_string(), diff_id: source.diff_id })
        }
    }
}

fn mend(
    deployment: &HeldDeployment,
    store: &Store,
    progress: &dyn Progress,
    report: &mut RepairReport,
) {
    let HeldDeployment { rootfs, layers, has_recorded_owners, .. } = deployment;
    let owners = if *has_recorded_owners { Owners::Recorded } else { Owners::Set };
    let possible = UnpackOptions::default().owners;
    if owners == Owners::Set && possible != owners {
        let problem = "its files belong to several users, and this process cannot make such";
        return report.troubles.push(Trouble::at(rootfs, problem));
    }
    let mut options = UnpackOptions::new(owners);
    options.files = Files::Shared;
    let mended = mend_files(layers, rootfs, owners, store, progress).and_then(|files| {
        share_files(layers, rootfs, store, &options, progress)?;
        Ok(files)
    });
    match mended {
        Ok(0) => {}
        Ok(files) => {
            report.mended.push(rootfs.clone());
            report.mended_files += files;
        }
        Err(error) => report.troubles.push(Trouble::at(rootfs, error)),
    }
}
