//! Having an update's deltas made before devices ask, and letting the release out.

use std::time::Instant;

use super::document::{ReleaseSummary, UpdateInfo, UpdateState};
use super::options::{Finalize, PrepareOptions};
use super::waiting::Waiting;
use super::{Installation, ReleaseError, ReleaseName};
use crate::api::PairStatus;

/// What came of preparing an update.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prepared {
    /// How the update stands.
    pub info: UpdateInfo,
    /// Whether the time ended before all deltas were there.
    pub timed_out: bool,
    /// Whether the release was let out.
    pub finalized: bool,
}

impl Installation {
    /// Has the deltas of an update made, waits for them and lets the release out, as `options` say. `seen`
    /// is shown the update whenever it was looked at.
    ///
    /// # Errors
    /// As [`update_info`](Installation::update_info). While deltas are waited for, a delta server or an API
    /// that is away is waited for too; a delta that cannot be made is no error, its state tells.
    pub fn prepare(
        &mut self,
        source: &ReleaseName,
        target: &ReleaseName,
        options: PrepareOptions,
        seen: &mut dyn FnMut(&UpdateInfo),
    ) -> Result<Prepared, ReleaseError> {
        self.in_time(options, |it| it.prepare_in_time(source, target, options, seen))
    }

    /// Has no question to the API take longer than the wait, while `work` goes on.
    pub(super) fn in_time<T>(
        &mut self,
        options: PrepareOptions,
        work: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let time = options.timeout.filter(|_| options.wait);
        self.api.end_by(time.and_then(|time| Instant::now().checked_add(time)));
        let done = work(self);
        self.api.end_by(None);
        done
    }

    fn prepare_in_time(
        &mut self,
        source: &ReleaseName,
        target: &ReleaseName,
        options: PrepareOptions,
        seen: &mut dyn FnMut(&UpdateInfo),
    ) -> Result<Prepared, ReleaseError> {
        let update = self.update(source, target)?;
        let wanted = update.wanted();
        let mut work = Waiting::begin(&wanted, &update.fleet.slug, options, self)?;
        let shown = &mut |statuses: &[PairStatus]| seen(&update.info(statuses, true));
        work.wait(self, shown)?;
        let mut info = update.info(&work.asked.statuses, true);
        let timed_out = work.timed_out();
        let states = info.services.iter().map(|service| service.status);
        let release = work.let_out(self, update.target.id, states)?;
        let finalized = release.is_some();
        info.target = release.unwrap_or(info.target);
        Ok(Prepared { info, timed_out, finalized })
    }

    /// Makes a release final, if the states of its deltas allow. Returns the release as it is then.
    pub(super) fn let_out(
        &self,
        release: u64,
        mut states: impl Iterator<Item = UpdateState>,
        finalize: Finalize,
    ) -> Result<Option<ReleaseSummary>, ReleaseError> {
        let mut all = |allowed: &[UpdateState]| states.all(|state| allowed.contains(&state));
        let ready = match finalize {
            Finalize::Never => false,
            Finalize::WhenReady => all(&[UpdateState::Ready]),
            Finalize::Always => all(&[UpdateState::Ready, UpdateState::Failed]),
        };
        match ready {
            true => self.finalize(release).map(Some),
            false => Ok(None),
        }
    }

    /// Makes a release final, and makes sure that it is: the API says nothing where it does not let the
    /// user. Somebody else may have been first. Returns the release as it is then, with another version.
    pub(super) fn finalize(&self, release: u64) -> Result<ReleaseSummary, ReleaseError> {
        self.api.check_token()?;
        let mut found = self.api.good_release(release)?;
        if !found.is_final {
            found = self.api.let_go(release)?;
        }
        Ok(found.summary())
    }
}
