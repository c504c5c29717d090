//! Whether a new job may wait, and which one makes room.

use std::sync::Arc;

use super::job::{Job, Phase};
use super::ledger::What;
use super::outcome::Outcome;
use super::status::Origin;
use super::table::{Table, Timer};
use crate::server::pair::Pair;

impl Table {
    /// Makes sure that a job may wait. In a full queue one of the largest fleet's makes room for that
    /// of a fleet that has less; nobody's for that of a fleet that has as many. Returns whether there
    /// is room.
    pub(super) fn admit(&mut self, origin: &Origin) -> bool {
        if self.has_its_share(origin) {
            return false;
        }
        self.queue.len() + self.delayed < self.settings.max_queue || self.make_room(&origin.fleet)
    }

    /// Whether the fleet or the caller has as many jobs already as it may. A release may have as
    /// many as it needs if the builder credential asks for it.
    fn has_its_share(&self, origin: &Origin) -> bool {
        if origin.release {
            let asker =
                origin.asker.as_deref().map_or(0, |asker| self.load.of_release_asker(asker));
            return asker >= self.settings.max_release_queue;
        }
        let asker = origin.asker.as_deref().map_or(0, |asker| self.load.of_asker(asker));
        self.load.of_devices(&origin.fleet) >= self.settings.max_fleet_queue
            || asker >= self.settings.max_caller_queue
    }

    fn make_room(&mut self, fleet: &str) -> bool {
        let Some((largest, devices)) = self.load.largest() else { return false };
        // With one more the newcomer's fleet would be the largest, and lose a job to the next.
        if devices <= self.load.of_fleet(fleet) + 1 {
            return false;
        }
        let Some(pair) = self.least_missed(largest) else { return false };
        tracing::info!(%pair, fleet = largest, "job given up: the queue is full");
        if let Some(active) = self.active(&pair) {
            active.outcome.send_replace(Some(Outcome::Crowded));
        }
        self.drop_waiting(&pair, What::Displace);
        true
    }

    /// Of a fleet's waiting jobs that no release asked for the newest of whoever asked for the most.
    fn least_missed(&self, fleet: &str) -> Option<Arc<Pair>> {
        let retries = self.timers.iter().filter(|((.., timer), _)| *timer == Timer::Retry);
        let waiting = self.queue.of(fleet).chain(retries.map(|(_, pair)| pair));
        let candidates = waiting.filter_map(|pair| match self.jobs.get(pair)? {
            Job::Active(job)
                if job.fleet == fleet
                    && !job.release
                    && matches!(job.phase, Phase::Queued | Phase::Delayed) =>
            {
                let asked = job.asker.as_deref().map_or(0, |asker| self.load.of_asker(asker));
                Some(((asked, job.number), pair))
            }
            _ => None,
        });
        candidates.max_by_key(|(rank, _)| *rank).map(|(_, pair)| Arc::clone(pair))
    }
}
