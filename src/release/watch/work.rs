//! A release whose deltas are being made.

use std::time::{Duration, Instant};

use super::Decision;
use crate::api::{PairState, PairStatus};
use crate::release::asked::Asked;
use crate::release::model::{Fleet, Release};
use crate::release::outlook::Outlook;
use crate::release::{Installation, ReleaseError};

/// How long what a fleet's devices run is taken for what they run.
const OUTLOOK_LIFE: Duration = Duration::from_secs(300);

/// A release in the works.
pub(super) struct Work {
    pub(super) is_final: bool,
    /// Whether the draft has the tag that lets it out.
    pub(super) tagged: bool,
    begun: Instant,
    outlook: Option<(Instant, Outlook)>,
    statuses: Vec<PairStatus>,
}

/// How far a release is.
pub(super) enum Step {
    /// Its deltas were asked for.
    Asked(Decision),
    /// Deltas are waited for.
    Waits,
    /// Nothing is left to wait for.
    Ended(Decision),
    /// The release is not a good one any more.
    Gone,
}

impl Work {
    pub(super) fn new(is_final: bool, tagged: bool) -> Self {
        Work { is_final, tagged, begun: Instant::now(), outlook: None, statuses: Vec::new() }
    }

    /// Has the next thing done for the release `id`.
    pub(super) fn advance(
        &mut self,
        installation: &mut Installation,
        fleet: &Fleet,
        id: u64,
        min_devices: u64,
        patience: Duration,
    ) -> Result<Step, ReleaseError> {
        let fresh = self.outlook.as_ref().is_some_and(|(at, _)| at.elapsed() < OUTLOOK_LIFE);
        if !fresh {
            return self.ask(installation, fleet, id, min_devices);
        }
        let Some((_, outlook)) = &self.outlook else { return Ok(Step::Waits) };
        let wanted = outlook.wanted();
        let mut asked = Asked::new(&wanted, std::mem::take(&mut self.statuses));
        let looked = match asked.is_done() {
            true => Ok(()),
            false => asked.look(installation, &fleet.slug),
        };
        self.statuses = asked.statuses;
        looked?;
        Ok(self.end(patience).map_or(Step::Waits, Step::Ended))
    }

    /// Asks for the deltas that the fleet's devices need now.
    fn ask(
        &mut self,
        installation: &mut Installation,
        fleet: &Fleet,
        id: u64,
        min_devices: u64,
    ) -> Result<Step, ReleaseError> {
        let Some(release) = installation.good_release(id)?.filter(has_images) else {
            return Ok(Step::Gone);
        };
        self.is_final = release.is_final;
        let outlook = installation.outlook_of(fleet.clone(), release, false, None)?;
        let outlook = outlook.for_at_least(min_devices);
        let wanted = outlook.wanted();
        self.statuses = installation.have_made(&wanted, &fleet.slug)?;
        let decision = Decision::Asked { deltas: wanted.len() as u64, devices: outlook.devices() };
        let first = self.outlook.is_none();
        drop(wanted);
        self.outlook = Some((Instant::now(), outlook));
        Ok(if first { Step::Asked(decision) } else { Step::Waits })
    }

    fn end(&self, patience: Duration) -> Option<Decision> {
        let count =
            |state| self.statuses.iter().filter(|status| status.status == state).count() as u64;
        let (ready, failed) = (count(PairState::Ready), count(PairState::Failed));
        let left = self.statuses.len() as u64 - ready - failed;
        match left {
            0 => Some(Decision::Done { ready, failed }),
            _ if self.begun.elapsed() >= patience => Some(Decision::Overdue { left }),
            _ => None,
        }
    }
}

/// Whether there is anything in a release: one without images is the work of a build that went wrong.
fn has_images(release: &Release) -> bool {
    !release.images.is_empty()
}
