//! What is told about jobs.

use std::sync::Arc;

use serde::Serialize;

use crate::progress::Stage;
use crate::server::build::{Blame, BuildError, Built, BuiltPlace};
use crate::server::pair::Pair;

/// Who asks, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Whose turn it uses: the jobs of one fleet wait for each other, not for those of another.
    pub(crate) fleet: String,
    /// Who asks, if there is a limit to how much one caller may ask for.
    pub(crate) asker: Option<String>,
    /// Asked for ahead, for a release: the job goes on though nobody waits.
    pub(crate) release: bool,
}

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobState {
    /// Waits for its turn, for memory, or for the registry to come back.
    Pending,
    /// Is being made.
    Preparing,
    /// Is there, or was found not to be worth it.
    Ready,
    /// Cannot be made.
    Failed,
}

impl JobState {
    /// All of them, in the order of a life.
    pub(crate) const ALL: [JobState; 4] =
        [JobState::Pending, JobState::Preparing, JobState::Ready, JobState::Failed];
}

/// A job as it is at the moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobStatus {
    /// Where it is in its life.
    pub(crate) state: JobState,
    /// The delta, when it is ready.
    pub(crate) built: Option<Built>,
    /// Why it failed, or why it was put off the last time.
    pub(crate) failure: Option<BuildError>,
    /// How many jobs are before it, while it waits for its turn.
    pub(crate) position: Option<u64>,
    /// What is being done, while it is prepared.
    pub(crate) stage: Option<Stage>,
    /// How far that is altogether, 0 to 100.
    pub(crate) percent: Option<u8>,
}

impl JobStatus {
    pub(super) fn new(state: JobState) -> Self {
        JobStatus { state, built: None, failure: None, position: None, stage: None, percent: None }
    }

    /// One line on why it is as it is, where there is something to say: for whoever asks.
    pub(crate) fn reason(&self) -> Option<&str> {
        match (&self.built, &self.failure) {
            (Some(Built { place: BuiltPlace::NotWorth, .. }), _) => {
                Some("not worth it: pulling the target costs hardly more")
            }
            (_, failure) => failure.as_ref().map(BuildError::told),
        }
    }
}

/// A change of a job: told when it happens, a few times a second at most while it is prepared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobEvent {
    /// Which job.
    pub(crate) pair: Arc<Pair>,
    /// What it is like now; `None` when it was dropped because nobody waits.
    pub(crate) status: Option<JobStatus>,
    /// Whether this server just built it.
    pub(crate) made_here: bool,
}

/// How many there are, now and since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct JobCounts {
    /// Jobs that wait, for their turn or for the registry.
    pub(crate) queued: usize,
    /// Jobs that run, or wait for memory.
    pub(crate) running: usize,
    /// Tickets that wait.
    pub(crate) waiters: usize,
    /// Finished jobs that are remembered.
    pub(crate) remembered: usize,
    /// Deltas made since the start.
    pub(crate) made: u64,
    /// Deltas found not to be worth it since the start.
    pub(crate) not_worth: u64,
    /// Attempts that failed since the start, in the order of [`Blame::ALL`].
    pub(crate) failed: [u64; Blame::ALL.len()],
}
