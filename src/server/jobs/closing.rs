//! The end of the server: nobody waits any more, and everything is as the next start needs it.

use std::sync::Arc;

use super::job::{Job, Phase};
use super::ledger::What;
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
                && let Phase::Running(running) = &active.phase
            {
                running.progress.cancel();
            }
        }
    }

    /// Gives back what is still built here, and ends the writing: these builds end with the process,
    /// which is no crash. Resolves when the ledger is closed.
    pub(super) fn park_all(&mut self) -> Written {
        let held = self.jobs.iter().filter(|(_, job)| match job {
            Job::Active(active) => matches!(active.phase, Phase::Running(_)),
            Job::Finished(_) => false,
        });
        let held: Vec<_> = held.map(|(pair, _)| Arc::clone(pair)).collect();
        for pair in held {
            drop(self.send(&pair, What::Return));
        }
        self.writer.end()
    }
}
