//! The end of the server: nobody waits any more, and everything is as the next start needs it.

use super::job::{Job, Phase};
use super::outcome::Outcome;
use super::table::Table;
use super::writer::Written;

impl Table {
    /// Begins nothing more, and lets everybody go who waits.
    pub(super) fn close(&mut self) {
        self.closing = true;
        for job in self.jobs.values() {
            if let Job::Active(active) = job {
                active.outcome.send_replace(Some(Outcome::Parked));
            }
        }
    }

    /// Tells all builds to stop.
    pub(super) fn cancel_all(&mut self) {
        for job in self.jobs.values() {
            if let Job::Active(active) = job
                && let Phase::Running { progress, .. } = &active.phase
            {
                progress.cancel();
            }
        }
    }

    /// Writes down that builds which did not stop in time wait, and ends the writing: they end with
    /// the process, which is no crash.
    pub(super) fn park_all(&mut self) -> Written {
        for (pair, job) in &mut self.jobs {
            if let Job::Active(active) = job
                && let Phase::Running { started, .. } = &mut active.phase
            {
                *started = false;
                self.writer.save(active.record(pair));
            }
        }
        self.writer.end()
    }
}
