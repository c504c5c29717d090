//! What a builder does with a release whose images are there: its deltas, and letting it out.

use super::fleet_document::FleetUpdate;
use super::options::PrepareOptions;
use super::{Installation, ReleaseError, ReleaseSummary};

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

    /// Makes a release final whose images are there: devices are told at once.
    pub(crate) fn let_go(&self, release: u64) -> Result<ReleaseSummary, ReleaseError> {
        self.finalize_good(release)
    }
}
