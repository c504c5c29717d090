//! What is known from before: jobs of an earlier run of the server, and what was finished.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::job::{End, Finished, Job};
use super::ledger::{Record, What};
use super::outcome::Outcome;
use super::table::Table;
use super::writer::Written;
use crate::server::build::Built;
use crate::server::pair::Pair;

impl Table {
    /// Takes over what the ledger has.
    pub(super) fn restore(&mut self, records: Vec<Record>) {
        let now = Instant::now();
        for record in records {
            if record.crashes > 0 {
                let (pair, crashes) = (&record.pair, record.crashes);
                tracing::warn!(%pair, crashes, "a server ended without warning during this job");
            }
            self.listing.number(&record.pair, record.id);
            self.take_in(record, now);
        }
        self.prune(now);
    }

    /// Forgets a finished job.
    pub(super) fn forget(&mut self, pair: &Pair) -> Option<Written> {
        let (pair, job) = self.jobs.get_key_value(pair)?;
        let (pair, is_finished) = (Arc::clone(pair), matches!(job, Job::Finished(_)));
        is_finished.then(|| self.forget_finished(&pair, What::Forget))
    }

    /// Forgets a finished job if it failed.
    pub(super) fn forget_failure(&mut self, pair: &Pair) -> Option<Written> {
        match self.jobs.get(pair)? {
            Job::Finished(finished) if finished.is_failure() => self.forget(pair),
            Job::Finished(_) | Job::Active(_) => None,
        }
    }

    /// Forgets failures that no longer count and deltas that nobody has asked for in a long time. If there
    /// are still too many, the ledger alone goes on to know those that were asked for longest ago, a
    /// tenth more than needed, so that it is not done each time. Jobs with files stay: a file of which
    /// nobody knows goes.
    pub(super) fn prune(&mut self, now: Instant) {
        let (wall, remember) = (SystemTime::now(), self.settings.remember);
        let is_expired = |finished: &Finished| finished.outcome(now).is_none();
        drop(self.remove_finished(is_expired, &What::Expire));
        let is_stale = |finished: &Finished| {
            let age =
                finished.last_used().map(|used| wall.duration_since(used).unwrap_or_default());
            age.is_some_and(|age| age > remember)
        };
        drop(self.remove_finished(is_stale, &What::Forget));
        let most = self.settings.max_remembered;
        if self.counts.remembered > most {
            let mut uses: Vec<_> = self.finished().map(|(_, job)| job.last_used()).collect();
            uses.sort_unstable();
            let excess = uses.len() - (most - most / 10);
            let limit = uses[excess - 1];
            self.lose_sight_of(|it| it.last_used() <= limit && it.file().is_none());
        }
    }

    fn lose_sight_of(&mut self, is_to_go: impl Fn(&Finished) -> bool) {
        let going = self.finished().filter(|(_, finished)| is_to_go(finished));
        let going: Vec<_> = going.map(|(pair, _)| Arc::clone(pair)).collect();
        going.iter().for_each(|pair| self.take_out(pair));
    }

    /// The registry has the delta of a pair, whatever the ledger says: whoever waits or comes hears so.
    pub(super) fn found(&mut self, pair: &Pair, built: Built) {
        match self.jobs.get(pair) {
            Some(Job::Active(active)) => {
                active.outcome.send_replace(Some(Outcome::Ready(built)));
            }
            Some(Job::Finished(_)) => {}
            None => {
                let now = SystemTime::now();
                let end = End::Ready { built, last_used: now, saved_use: now };
                self.insert(Arc::new(pair.clone()), Job::Finished(Finished { end, fleet: None }));
                self.prune_excess(Instant::now());
            }
        }
    }

    /// Whether it is known what came of a pair.
    pub(super) fn knows_end(&self, pair: &Pair, now: Instant) -> bool {
        match self.jobs.get(pair) {
            Some(Job::Finished(finished)) => finished.outcome(now).is_some(),
            Some(Job::Active(active)) => active.outcome.borrow().is_some(),
            None => false,
        }
    }

    /// The same if there are too many.
    pub(super) fn prune_excess(&mut self, now: Instant) {
        if self.counts.remembered > self.settings.max_remembered {
            self.prune(now);
        }
    }

    fn forget_finished(&mut self, pair: &Arc<Pair>, what: What) -> Written {
        self.take_out(pair);
        self.send(pair, what)
    }

    fn remove_finished(
        &mut self,
        is_to_go: impl Fn(&Finished) -> bool,
        what: &What,
    ) -> Option<Written> {
        let going: Vec<_> = self
            .finished()
            .filter(|(_, finished)| is_to_go(finished))
            .map(|(pair, _)| Arc::clone(pair))
            .collect();
        // The last is written after the others.
        going.iter().map(|pair| self.forget_finished(pair, what.clone())).last()
    }

    fn finished(&self) -> impl Iterator<Item = (&Arc<Pair>, &Finished)> {
        self.jobs.iter().filter_map(|(pair, job)| match job {
            Job::Finished(finished) => Some((pair, finished)),
            Job::Active(_) => None,
        })
    }

    /// The artifacts of finished jobs, and when somebody last asked for them.
    pub(super) fn files(&self) -> Vec<(String, SystemTime)> {
        let files = self.finished().filter_map(|(_, finished)| finished.file());
        files.map(|(key, last_used)| (key.to_owned(), last_used)).collect()
    }

    /// Forgets the jobs that ended with one of these artifacts, unless somebody asked for it after
    /// `unused_since`. Gives the artifacts that no job knows of any more.
    pub(super) fn release_files(
        &mut self,
        mut keys: HashSet<String>,
        unused_since: SystemTime,
    ) -> (HashSet<String>, Option<Written>) {
        for (_, finished) in self.finished() {
            if let Some((key, last_used)) = finished.file()
                && last_used > unused_since
            {
                keys.remove(key);
            }
        }
        let is_released =
            |finished: &Finished| finished.file().is_some_and(|(key, _)| keys.contains(key));
        let written = self.remove_finished(is_released, &What::Forget);
        (keys, written)
    }
}
