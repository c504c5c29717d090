//! Having an update's deltas made before devices ask, and letting the release out.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::delta_server::Wanted;
use super::document::{UpdateInfo, UpdateState};
use super::{Installation, ReleaseError, ReleaseName};
use crate::api::{PairState, PairStatus};

/// The pause before the second look at what became of the deltas; it doubles from one to the next.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// The longest wait, where nobody set one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// When a release is let out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finalize {
    /// Not at all.
    #[default]
    Never,
    /// If all of its deltas are there.
    WhenReady,
    /// If all of its deltas are there or cannot be made.
    Always,
}

/// How an update is prepared. Made from [`default`](PrepareOptions::default) and
/// [`changed`](PrepareOptions::changed).
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct PrepareOptions {
    /// Whether to wait until every delta is there or cannot be made.
    pub wait: bool,
    /// The longest wait; 24 hours where nothing is set.
    pub timeout: Option<Duration>,
    /// When the release is let out.
    pub finalize: Finalize,
}

impl PrepareOptions {
    /// The options after `change`.
    #[must_use]
    pub fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

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
    /// As [`update_info`](Installation::update_info). While deltas are waited for, a delta server that is
    /// away is waited for too; a delta that cannot be made is no error, its state tells.
    pub fn prepare(
        &mut self,
        source: &ReleaseName,
        target: &ReleaseName,
        options: PrepareOptions,
        seen: &mut dyn FnMut(&UpdateInfo),
    ) -> Result<Prepared, ReleaseError> {
        let update = self.update(source, target)?;
        let wanted = update.wanted();
        let statuses = self.have_made(&wanted, &update.fleet.slug)?;
        seen(&update.info(&statuses, true));
        let mut work = Waiting::new(&wanted, statuses, options.timeout);
        if options.wait {
            let shown = &mut |statuses: &[PairStatus]| seen(&update.info(statuses, true));
            work.wait(self, &update.fleet.slug, shown)?;
        }
        let mut info = update.info(&work.statuses, true);
        let timed_out = options.wait && !work.is_done();
        let states = info.services.iter().map(|service| service.status);
        let finalized = self.let_out(update.target.id, states, options.finalize)?;
        info.target.is_final |= finalized;
        Ok(Prepared { info, timed_out, finalized })
    }

    /// Makes a release final, if the states of its deltas allow.
    pub(super) fn let_out(
        &self,
        release: u64,
        mut states: impl Iterator<Item = UpdateState>,
        finalize: Finalize,
    ) -> Result<bool, ReleaseError> {
        let mut all = |allowed: &[UpdateState]| states.all(|state| allowed.contains(&state));
        let ready = match finalize {
            Finalize::Never => false,
            Finalize::WhenReady => all(&[UpdateState::Ready]),
            Finalize::Always => all(&[UpdateState::Ready, UpdateState::Failed]),
        };
        match ready {
            true => self.finalize(release).map(|()| true),
            false => Ok(false),
        }
    }

    /// Makes a release final, and makes sure that it is: the API says nothing where it does not let the
    /// user. Somebody else may have been first.
    pub(super) fn finalize(&self, release: u64) -> Result<(), ReleaseError> {
        let is_final = || {
            let found = self.api.release(&release.to_string())?;
            Ok::<_, ReleaseError>(found.is_some_and(|release| release.is_final))
        };
        self.api.check_token()?;
        if is_final()? {
            return Ok(());
        }
        self.api.finalize(release)?;
        match is_final()? {
            true => Ok(()),
            false => Err(ReleaseError::NotFinal(release)),
        }
    }
}

/// Deltas that are waited for.
pub(super) struct Waiting<'a> {
    wanted: &'a [Wanted<'a>],
    /// How it stands with each.
    pub(super) statuses: Vec<PairStatus>,
    end: Instant,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(
        wanted: &'a [Wanted<'a>],
        statuses: Vec<PairStatus>,
        timeout: Option<Duration>,
    ) -> Self {
        let time = timeout.unwrap_or(DEFAULT_TIMEOUT).min(DEFAULT_TIMEOUT);
        Waiting { wanted, statuses, end: Instant::now() + time }
    }

    /// Whether every delta is there or cannot be made.
    pub(super) fn is_done(&self) -> bool {
        self.statuses.iter().all(PairStatus::is_done)
    }

    /// Waits until every delta is there or cannot be made, or the time is over.
    pub(super) fn wait(
        &mut self,
        installation: &mut Installation,
        fleet: &str,
        seen: &mut dyn FnMut(&[PairStatus]),
    ) -> Result<(), ReleaseError> {
        let mut pause = FIRST_PAUSE;
        while !self.is_done() {
            let left = self.end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
            match self.look(installation, fleet) {
                Ok(()) => seen(&self.statuses),
                Err(error) if error.may_pass() => {
                    tracing::warn!(%error, "looking again a while later");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Looks at those that are not done. A delta that the server does not know, because it had no room or
    /// lost it, is asked for again.
    pub(super) fn look(
        &mut self,
        installation: &mut Installation,
        fleet: &str,
    ) -> Result<(), ReleaseError> {
        let open = self.open(|status| !status.is_done());
        let pairs: Vec<Wanted<'_>> = open.iter().map(|index| self.wanted[*index]).collect();
        for (index, status) in open.into_iter().zip(installation.status(&pairs)?) {
            self.statuses[index] = status;
        }
        let lost = self.open(|status| status.status == PairState::Unknown);
        let pairs: Vec<Wanted<'_>> = lost.iter().map(|index| self.wanted[*index]).collect();
        for (index, status) in lost.into_iter().zip(installation.have_made(&pairs, fleet)?) {
            self.statuses[index] = status;
        }
        Ok(())
    }

    fn open(&self, is_wanted: impl Fn(&PairStatus) -> bool) -> Vec<usize> {
        let all = self.statuses.iter().enumerate();
        all.filter(|(_, status)| is_wanted(status)).map(|(index, _)| index).collect()
    }
}
