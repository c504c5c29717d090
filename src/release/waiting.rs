//! Waiting for deltas that were asked for: for those that are made, and for servers that are away meanwhile.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::asked::Asked;
use super::delta_server::Wanted;
use super::document::{ReleaseSummary, UpdateState};
use super::options::PrepareOptions;
use super::{Installation, ReleaseError};
use crate::api::PairStatus;

/// The pause before each of the first looks at what became of the deltas: shorter than a small one takes. Later it doubles
/// from one to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Looks with that pause between them: as long as somebody at a terminal thinks nothing of it.
const FIRST_LOOKS: u32 = 10;
/// The least time that an answer is given.
const LEAST_TIME: Duration = Duration::from_secs(1);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// The longest wait, where nobody set one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// Deltas that are waited for.
pub(super) struct Waiting<'a> {
    pub(super) asked: Asked<'a>,
    fleet: &'a str,
    options: PrepareOptions,
    end: Instant,
}

impl<'a> Waiting<'a> {
    /// Asks for the deltas, for `fleet`. If they are to be waited for, a server that says that it is away or
    /// has too much to do is no error; one that cannot be reached is more likely misnamed.
    pub(super) fn begin(
        wanted: &'a [Wanted<'a>],
        fleet: &'a str,
        options: PrepareOptions,
        installation: &mut Installation,
    ) -> Result<Self, ReleaseError> {
        let time = options.timeout.unwrap_or(DEFAULT_TIMEOUT).min(DEFAULT_TIMEOUT);
        let end = Instant::now() + time;
        let mut work = Waiting { asked: Asked::new(wanted, Vec::new()), fleet, options, end };
        work.bound_answers(installation);
        let statuses = installation.have_made(wanted, fleet);
        installation.answer_within(None);
        work.asked.statuses = match statuses {
            Err(error)
                if options.wait && (error.is_answer_that_may_pass() || work.is_late(&error)) =>
            {
                let reason = Some(error.to_string());
                vec![PairStatus { reason, ..PairStatus::default() }; wanted.len()]
            }
            statuses => statuses?,
        };
        Ok(work)
    }

    /// Whether an error came when there was no time left, and may have come for that reason.
    fn is_late(&self, error: &ReleaseError) -> bool {
        error.may_pass() && self.left().is_zero()
    }

    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Has no answer of the delta server take longer than the wait.
    fn bound_answers(&self, installation: &mut Installation) {
        installation.answer_within(self.options.wait.then(|| self.left().max(LEAST_TIME)));
    }

    /// Whether the time ended before every delta was there or could not be made.
    pub(super) fn timed_out(&self) -> bool {
        self.options.wait && !self.asked.is_done()
    }

    /// Waits until every delta is there or cannot be made, or the time is over, if that is wanted. `seen` is
    /// shown how it stands, also at the beginning.
    pub(super) fn wait(
        &mut self,
        installation: &mut Installation,
        seen: &mut dyn FnMut(&[PairStatus]),
    ) -> Result<(), ReleaseError> {
        seen(&self.asked.statuses);
        let (mut pause, mut looks) = (FIRST_PAUSE, 0);
        while self.options.wait && !self.asked.is_done() && !self.left().is_zero() {
            sleep(pause.min(self.left()));
            looks += 1;
            if looks >= FIRST_LOOKS {
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            self.bound_answers(installation);
            let looked = self.asked.look(installation, self.fleet);
            installation.answer_within(None);
            match looked {
                Ok(()) => seen(&self.asked.statuses),
                Err(error) if error.may_pass() => {
                    tracing::warn!(%error, "looking again a while later");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes a release final, if the states of its deltas allow, and returns it as it is then. An API that is away is waited for as long as
    /// deltas are.
    pub(super) fn let_out(
        &self,
        installation: &Installation,
        release: u64,
        states: impl Iterator<Item = UpdateState> + Clone,
    ) -> Result<Option<ReleaseSummary>, ReleaseError> {
        loop {
            match installation.let_out(release, states.clone(), self.options.finalize) {
                Err(error) if self.options.wait && error.may_pass() && !self.left().is_zero() => {
                    tracing::warn!(%error, "the release is let out a while later");
                    sleep(LONGEST_PAUSE.min(self.left()));
                }
                result => return result,
            }
        }
    }
}
