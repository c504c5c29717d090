//! What a builder does with a release whose images are there: its deltas.

use super::fleet_document::FleetUpdate;
use super::options::PrepareOptions;
use super::rows::ApiVersion;
use super::{Installation, ReleaseError};

impl Installation {
    /// Has the deltas made that lead to `target` from what devices without a pin run, and from `before`. `seen` is
    /// shown how they stand whenever that was looked at.
    pub(crate) fn prepare_release(
        &mut self,
        target: u64,
        before: Option<u64>,
        options: PrepareOptions,
        seen: &mut dyn FnMut(&FleetUpdate),
    ) -> Result<FleetUpdate, ReleaseError> {
        self.in_time(options, |installation| {
            let none = || ReleaseError::NoRelease(target.to_string());
            let target = installation.good_release(target)?.ok_or_else(none)?;
            let fleet = installation.fleet_of(&target)?;
            let outlook = installation.outlook_of(fleet, target, true, before)?;
            installation.prepare_outlook(&outlook, options, seen)
        })
    }

    /// Takes over what the API has said of version and token to whoever asked just now.
    pub(crate) fn knowing(self, version: ApiVersion) -> Self {
        self.api.knows(version.0);
        self
    }
}
