//! The end of all deployments under a name.

use serde::Serialize;

use super::DeployError;
use super::folder::{CURRENT, Site};
use super::locked::gone;
use crate::beneath::Folder;

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UndeployReport {
    /// The numbers of the deployments, in order.
    pub removed: Vec<u64>,
}

/// Removes all deployments under the name of `site`, those that are half-done too. What they had in the store stays there
/// until it is collected.
///
/// # Errors
/// If nothing is deployed there, something of it runs, or a file cannot be removed: the rest goes if this is done again.
pub fn undeploy(site: &Site) -> Result<UndeployReport, DeployError> {
    let missing = || DeployError::NotDeployed(site.name().clone());
    if !site.path().is_dir() {
        return Err(missing());
    }
    let locked = site.lock()?;
    let removed = site.numbers()?;
    if removed.is_empty() {
        return Err(missing());
    }
    if let Some(&number) = removed.iter().find(|number| locked.is_in_use(**number)) {
        return Err(DeployError::Running { name: site.name().clone(), number });
    }
    // Nobody starts what is about to go.
    let ended = Folder::open(site.path()).and_then(|folder| {
        gone(folder.remove_file(CURRENT.as_bytes()))?;
        folder.sync()
    });
    ended.map_err(DeployError::io("change", &site.path().join(CURRENT)))?;
    removed.iter().try_for_each(|number| locked.remove(*number))?;
    Ok(UndeployReport { removed })
}
