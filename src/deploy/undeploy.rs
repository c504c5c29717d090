//! The end of all deployments under a name.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::DeployError;
use super::folder::{CURRENT, Site};
use super::locked::gone;
use crate::beneath::Folder;

/// How long those are waited for, all together, who compare or mend what is to go: a few hundred MB are read in that time.
const HELD_TIME: Duration = Duration::from_secs(5);

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
/// If nothing is deployed there, something of it runs, somebody compares or mends it for longer than a few seconds, or a file
/// cannot be removed: the rest goes if this is done again.
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
    let deadline = Instant::now() + HELD_TIME;
    removed.iter().try_for_each(|number| locked.wait_for(*number, deadline))?;
    // Nobody starts what is about to go.
    let ended = Folder::open(site.path()).and_then(|folder| {
        gone(folder.remove_file(CURRENT.as_bytes()))?;
        folder.sync()
    });
    ended.map_err(DeployError::io("change", &site.path().join(CURRENT)))?;
    removed.iter().try_for_each(|number| locked.remove_until(*number, deadline))?;
    Ok(UndeployReport { removed })
}
