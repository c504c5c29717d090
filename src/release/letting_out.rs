//! What a builder does with a release whose images are there: its deltas, and letting it out.

use super::fleet_document::FleetUpdate;
use super::options::PrepareOptions;
use super::waiting::Waiting;
use super::{Installation, ReleaseError, ReleaseSummary};
use crate::api::PairStatus;

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
        self.bound_questions(options);
        let prepared = self.prepare_release_in_time(target, before, options, seen);
        self.api.end_by(None);
        prepared
    }

    fn prepare_release_in_time(
        &mut self,
        target: u64,
        before: Option<u64>,
        options: PrepareOptions,
        seen: &mut dyn FnMut(&FleetUpdate),
    ) -> Result<FleetUpdate, ReleaseError> {
        let none = || ReleaseError::NoRelease(target.to_string());
        let target = self.good_release(target)?.ok_or_else(none)?;
        let fleet = self.fleet_of(&target)?;
        let outlook = self.outlook_of(fleet, target, true, before)?;
        let wanted = outlook.wanted();
        let mut work = Waiting::begin(&wanted, &outlook.fleet.slug, options, self)?;
        let shown = &mut |statuses: &[PairStatus]| seen(&outlook.told(&wanted, statuses, true));
        work.wait(self, shown)?;
        let mut told = outlook.told(&wanted, &work.asked.statuses, true);
        told.timed_out = work.timed_out();
        Ok(told)
    }

    /// Makes a release final: devices are told at once.
    pub(crate) fn let_go(&self, release: u64) -> Result<ReleaseSummary, ReleaseError> {
        self.finalize(release)
    }
}
