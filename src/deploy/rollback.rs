//! Going back to an earlier deployment.

use serde::Serialize;

use super::DeployError;
use super::change::is_startable;
use super::folder::Site;
use super::record::{Deployment, now};

/// The report of going back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RollbackReport {
    /// The number of the deployment that was current.
    pub from_number: u64,
    /// That deployment; `None` if its record can't be read any more.
    pub from: Option<Deployment>,
    /// The deployment that is current now.
    pub current: Deployment,
}

impl RollbackReport {
    /// Returns whether nothing was done: the deployment that was asked for was current already.
    pub fn is_unchanged(&self) -> bool {
        self.from_number == self.current.number
    }
}

/// Makes the deployment `to` current, or the one before the current one. The image of the one that was current is not
/// deployed again by itself. If `to` is current already, nothing is done: who was interrupted may ask again.
///
/// # Errors
/// If nothing is deployed, there is no such deployment, or somebody else is deploying under the name.
pub fn rollback(site: &Site, to: Option<u64>) -> Result<RollbackReport, DeployError> {
    site.current_number()?;
    let locked = site.lock()?;
    let from_number = site.current_number()?;
    if to == Some(from_number) {
        let current = site.current()?;
        return Ok(RollbackReport { from_number, from: Some(current.clone()), current });
    }
    // What is wrong with the record is no reason to stay.
    let mut from = site.current().ok();
    let all = site.deployments()?;
    let wanted = |it: &&Deployment| match to {
        Some(number) => it.number == number,
        None => it.is_way_back_from(from_number),
    };
    let target = all.iter().rfind(wanted).cloned();
    let name = || site.name().clone();
    let mut target =
        target.ok_or_else(|| DeployError::NoDeployment { name: name(), number: to })?;
    if !is_startable(&site.bundle(target.number)) {
        return Err(DeployError::Incomplete { name: name(), number: target.number });
    }
    let write = |deployment: &Deployment| {
        let folder = site.folder(deployment.number);
        deployment.write(&folder).map_err(DeployError::io("write into", &folder))
    };
    // Noted before the switch: whoever deploys by itself must not undo this one after a power cut.
    if let Some(from) = from.as_mut().filter(|from| target.number < from.number) {
        from.rolled_back = Some(now());
        write(from)?;
    }
    if target.rolled_back.take().is_some() {
        write(&target)?;
    }
    locked.switch(target.number)?;
    Ok(RollbackReport { from_number, from, current: target })
}
