//! The end of all deployments under a name.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::DeployError;
use super::folder::{CURRENT, Site};
use super::held::forget;
use super::locked::gone;
use crate::beneath::Folder;
use crate::store::Store;

/// How long those are waited for, all together, who compare or mend what is to go: a few hundred MB are read in that time.
const HELD_TIME: Duration = Duration::from_secs(5);

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UndeployReport {
    /// The numbers of the deployments, in order.
    pub removed: Vec<u64>,
    /// The files of those that the store has forgotten because their disk never comes back.
    pub forgotten: Vec<PathBuf>,
}

/// Removes all deployments under the name of `site`, those that are half-done too, and has `store` forget them. What they
/// had there stays until it is collected. If it `forgets`, also those are forgotten whose file system is not mounted.
///
/// # Errors
/// If nothing is deployed there, something of it runs, somebody compares or mends it for longer than a few seconds, or a file
/// cannot be removed: the rest goes if this is done again. [`DeployError::OutOfReach`] if all of it is on a file system
/// that is not mounted, unless it `forgets`.
pub fn undeploy(
    site: &Site,
    store: Option<&Store>,
    forgets: bool,
) -> Result<UndeployReport, DeployError> {
    let removed = match site.path().is_dir() {
        true => remove_all(site, store)?,
        false => Vec::new(),
    };
    let forgotten = match store {
        Some(store) if forgets || removed.is_empty() => out_of_reach(site, store, forgets)?,
        _ => Vec::new(),
    };
    match removed.is_empty() && forgotten.is_empty() {
        true => Err(DeployError::NotDeployed(site.name().clone())),
        false => Ok(UndeployReport { removed, forgotten }),
    }
}

fn remove_all(site: &Site, store: Option<&Store>) -> Result<Vec<u64>, DeployError> {
    let locked = site.lock()?;
    let removed = site.numbers()?;
    if removed.is_empty() {
        return Ok(removed);
    }
    let deadline = Instant::now() + HELD_TIME;
    removed.iter().try_for_each(|number| locked.wait_for(*number, deadline))?;
    // Nobody starts what is about to go.
    let ended = Folder::open(site.path()).and_then(|folder| {
        gone(folder.remove_file(CURRENT.as_bytes()))?;
        folder.sync()
    });
    ended.map_err(DeployError::io("change", &site.path().join(CURRENT)))?;
    for &number in &removed {
        locked.remove_until(number, deadline)?;
        store.into_iter().for_each(|store| forget(site, number, store));
    }
    Ok(removed)
}

/// The files of the deployments that are out of reach, forgotten now.
fn out_of_reach(site: &Site, store: &Store, forgets: bool) -> Result<Vec<PathBuf>, DeployError> {
    let found = store.out_of_reach_in(site.path())?;
    if !forgets && !found.is_empty() {
        let path = site.path().to_owned();
        return Err(DeployError::OutOfReach { name: site.name().clone(), path });
    }
    for rootfs in &found {
        store.forget_deployment(rootfs)?;
    }
    Ok(found)
}
