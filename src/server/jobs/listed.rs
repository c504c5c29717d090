//! Jobs as whoever looks after the server sees them: pages of them, those that are next, releases.

use std::sync::Arc;

use tokio::time::Instant;

use super::job::{Active, Job, Phase};
use super::listing::Wanted;
use super::status::{JobState, JobStatus};
use super::table::Table;
use crate::server::pair::Pair;

/// Jobs of the queue that are looked at for those that come next and may be seen.
const MAX_QUEUE_LOOKS: usize = 200;

/// A job in a list.
#[derive(Debug, Clone)]
pub(crate) struct ListedJob {
    /// Its number in the ledger, by which pages go on; `None`: the ledger does not have it yet.
    pub(crate) id: Option<u64>,
    pub(crate) pair: Arc<Pair>,
    pub(crate) fleet: String,
    /// All but its position.
    pub(crate) status: JobStatus,
}

/// How the jobs are, all together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overall {
    /// How many there are in each state, in the order of [`JobState::ALL`].
    pub(crate) counts: [usize; JobState::ALL.len()],
    /// The fleets that releases are prepared for, and how many deltas of each are not done, the most first.
    pub(crate) releases: Vec<(String, usize)>,
}

impl Table {
    /// A page of jobs. Failures that no longer count are left out.
    pub(super) fn list(&self, wanted: &Wanted, now: Instant) -> Vec<ListedJob> {
        let page = self.listing.page(wanted).into_iter();
        page.filter_map(|(id, pair)| self.listed(Some(id), &pair, now)).collect()
    }

    /// The jobs whose turn comes next, of those that may be seen.
    pub(super) fn next_up(
        &self,
        count: usize,
        may_see: impl Fn(&Pair) -> bool,
        now: Instant,
    ) -> Vec<ListedJob> {
        let next = self.queue.next(MAX_QUEUE_LOOKS).into_iter().filter(|pair| may_see(pair));
        next.take(count).filter_map(|pair| self.listed(None, pair, now)).collect()
    }

    pub(super) fn overall(&self, releases: usize) -> Overall {
        let mut fleets: Vec<(String, usize)> =
            self.load.releases().map(|(fleet, jobs)| (fleet.to_owned(), jobs)).collect();
        fleets.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        fleets.truncate(releases);
        Overall { counts: self.listing.counts(), releases: fleets }
    }

    /// Whose turn a job took, or takes.
    pub(super) fn fleet_of(&self, pair: &Pair) -> String {
        let fleet = self.jobs.get(pair).and_then(|job| match job {
            Job::Active(active) => Some(active.fleet.clone()),
            Job::Finished(finished) => finished.fleet.as_deref().map(str::to_owned),
        });
        fleet.unwrap_or_else(|| pair.target.repository.clone())
    }

    fn listed(&self, id: Option<u64>, pair: &Arc<Pair>, now: Instant) -> Option<ListedJob> {
        let status = match self.jobs.get(pair)? {
            Job::Finished(finished) => finished.status(now)?,
            Job::Active(active) => active.status(),
        };
        Some(ListedJob { id, pair: Arc::clone(pair), fleet: self.fleet_of(pair), status })
    }

    /// Lists a job under the state that it is in now.
    pub(super) fn relist(&mut self, pair: &Arc<Pair>) {
        match self.jobs.get(pair) {
            Some(job) => self.listing.set(pair, job.state()),
            None => self.listing.remove(pair),
        }
    }
}

impl Job {
    /// Where it is in its life.
    fn state(&self) -> JobState {
        match self {
            Job::Finished(finished) if finished.is_failure() => JobState::Failed,
            Job::Finished(_) => JobState::Ready,
            Job::Active(Active { phase, .. }) => match phase {
                Phase::Concluded | Phase::Elsewhere { preparing: true, .. } => JobState::Preparing,
                Phase::Running(running) if running.started => JobState::Preparing,
                Phase::Running(_) | Phase::Elsewhere { .. } | Phase::Queued | Phase::Delayed => {
                    JobState::Pending
                }
            },
        }
    }
}
