//! What is known from before: jobs of an earlier run of the server, and what was finished.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::job::{End, Finished, Job};
use super::record::{Record, RecordState};
use super::table::Table;
use super::writer::Written;
use crate::server::pair::Pair;

impl Table {
    /// Takes over what the disk has. What was running waits again, and its crash is counted.
    pub(super) fn restore(&mut self, records: Vec<Record>) {
        let now = (Instant::now(), SystemTime::now());
        for record in records {
            let Record { pair, fleet, release, crashes, state } = record;
            match state {
                RecordState::Pending => self.restore_active(pair, fleet, release, crashes),
                RecordState::Preparing => {
                    tracing::warn!(%pair, "the server ended without warning during this job");
                    self.restore_active(pair, fleet, release, crashes + 1);
                }
                RecordState::Ready { built, last_used } => {
                    let end = End::Ready { built, last_used, saved_use: last_used };
                    self.insert(pair, Job::Finished(Finished { fleet, release, end }));
                }
                RecordState::Failed { error, expires } => {
                    let left = expires.duration_since(now.1).unwrap_or_default();
                    let end = End::Failed { error, until: now.0 + left };
                    self.insert(pair, Job::Finished(Finished { fleet, release, end }));
                }
            }
        }
        self.prune(now.0);
    }

    fn restore_active(&mut self, pair: Arc<Pair>, fleet: String, release: bool, crashes: u32) {
        let mut active = self.new_active(fleet);
        // Nobody waits, but those who did have not had the time to come back: until one of them has,
        // and has left, the job goes on.
        (active.release, active.crashes) = (release, crashes);
        self.queue.push(&active.fleet, Arc::clone(&pair));
        self.note(active.record(&pair));
        self.insert(pair, Job::Active(active));
    }

    /// Forgets a finished job.
    pub(super) fn forget(&mut self, pair: &Pair) -> Option<Written> {
        let (pair, job) = self.jobs.get_key_value(pair)?;
        let (pair, is_finished) = (Arc::clone(pair), matches!(job, Job::Finished(_)));
        is_finished.then(|| self.remove(&pair))
    }

    /// Forgets failures that no longer count, deltas that nobody has asked for in a long time, and
    /// if there are still too many, a tenth more than needed, so that it is not done each time.
    pub(super) fn prune(&mut self, now: Instant) {
        let (wall, remember) = (SystemTime::now(), self.settings.remember);
        let is_stale = |finished: &Finished| match finished.last_used() {
            Some(used) => wall.duration_since(used).is_ok_and(|age| age > remember),
            None => finished.outcome(now).is_none(),
        };
        drop(self.remove_finished(is_stale));
        let most = self.settings.max_remembered;
        if self.counts.remembered > most {
            let mut uses: Vec<_> = self.finished().map(|(_, job)| job.last_used()).collect();
            uses.sort_unstable();
            let excess = uses.len() - (most - most / 10);
            let limit = uses[excess - 1];
            drop(self.remove_finished(|finished| finished.last_used() <= limit));
        }
    }

    fn remove_finished(&mut self, is_to_go: impl Fn(&Finished) -> bool) -> Option<Written> {
        let going: Vec<_> = self
            .finished()
            .filter(|(_, finished)| is_to_go(finished))
            .map(|(pair, _)| Arc::clone(pair))
            .collect();
        // The last is written after the others.
        going.iter().map(|pair| self.remove(pair)).last()
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
        let written = self.remove_finished(is_released);
        (keys, written)
    }
}
