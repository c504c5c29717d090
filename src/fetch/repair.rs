//! Fetching again what was damaged on disk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::FetchError;
use super::by_any_way::by_any_way;
use super::options::PullOptions;
use super::plan::Plan;
use super::request::Request;
use crate::apply::Traffic;
use crate::image::{DiffId, ImageReference, Transports};
use crate::progress::Progress;
use crate::store::{HeldDeployment, Store, Trouble, by_digest};

/// What was repaired.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct RepairReport {
    /// The layers that were fetched again.
    pub fetched: Vec<DiffId>,
    /// The records of images and deployments that nobody could read, which were removed.
    pub removed_records: Vec<PathBuf>,
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

/// Removes the records that nobody can read, and fetches the layers that images and deployments need and the store lacks,
/// since they were damaged or lost, from where their images came. What cannot be repaired is told in the report.
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
    let removed = store.remove_damaged_records(&mut report.troubles)?;
    report.removed_records = removed.into_iter().map(|record| record.path).collect();
    let deployments = store.held_deployments(&mut report.troubles)?;
    let needed = sources(store, &deployments)?.into_iter();
    let missing: Vec<Source> = needed.filter(|it| !store.has_layer(&it.diff_id)).collect();
    let mut given_up = BTreeSet::new();
    for source in &missing {
        let image = source.image.to_string();
        // What keeps one layer of an image away keeps the others, and is told once.
        if given_up.contains(&image) {
            continue;
        }
        // Another image with the layer may have come before.
        let fetched = match store.has_layer(&source.diff_id) {
            true => Ok(()),
            false => fetch(source, options, transports, store, progress),
        };
        match fetched {
            Ok(()) if report.fetched.contains(&source.diff_id) => {}
            Ok(()) => report.fetched.push(source.diff_id),
            Err(error) => {
                report.troubles.push(Trouble::at(Path::new(&image), error));
                given_up.insert(image);
            }
        }
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
        add(kept.source(), kept.config().diff_ids());
    }
    for deployment in deployments {
        if let Ok(image) = deployment.image.parse() {
            add(by_digest(image, deployment.digest), &deployment.layers);
        }
    }
    Ok(sources)
}

/// Brings in what is missing of the image, by the cheapest way there is.
fn fetch(
    source: &Source,
    options: &PullOptions,
    transports: &Transports,
    store: &Store,
    progress: &dyn Progress,
) -> Result<(), FetchError> {
    let request = Request { reference: &source.image, options, transports, store, progress };
    let has_layer = |plan: &Plan| match plan.opened.config().diff_ids().get(source.index) {
        Some(found) if *found == source.diff_id => Ok(()),
        // Another image has the name by now.
        _ => {
            Err(FetchError::LayerGone { image: source.image.to_string(), diff_id: source.diff_id })
        }
    };
    by_any_way(&request, &Traffic::default(), has_layer).map(drop)
}
