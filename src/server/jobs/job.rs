//! One job in memory: one that is to be done, or one that is done.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;
use tokio::time::Instant;

use super::ledger::{Record, RecordState};
use super::outcome::Outcome;
use super::progress::BuildProgress;
use super::status::{JobState, JobStatus};
use crate::progress::Stage;
use crate::server::build::{BuildError, Built, BuiltPlace};

/// What is known about a pair.
#[derive(Debug)]
pub(super) enum Job {
    Active(Active),
    Finished(Finished),
}

/// A job that waits or runs.
#[derive(Debug)]
pub(super) struct Active {
    /// Tells it from another job for the same pair, earlier or later.
    pub(super) number: u64,
    pub(super) fleet: String,
    /// Who asked first; `None` if that does not matter, or nobody knows any more.
    pub(super) asker: Option<String>,
    pub(super) release: bool,
    pub(super) crashes: u32,
    pub(super) phase: Phase,
    /// When this server first had a place for it, while it is in the queue.
    pub(super) named: Option<Instant>,
    pub(super) waiters: usize,
    /// Since when nobody has waited; `None` too if nobody ever has.
    pub(super) idle_since: Option<Instant>,
    /// Whether a timer will look at `idle_since`.
    pub(super) watched: bool,
    /// Whether the ledger knows that somebody waits here, or did until `idle_since`.
    pub(super) wished: bool,
    /// Attempts that met with trouble that may pass, since when, and with which.
    pub(super) troubles: u32,
    pub(super) trouble_since: Option<Instant>,
    pub(super) trouble: Option<BuildError>,
    pub(super) outcome: watch::Sender<Option<Outcome>>,
}

/// Where an active job is.
#[derive(Debug)]
pub(super) enum Phase {
    /// In the queue.
    Queued,
    /// Waits until it may try again.
    Delayed,
    /// Has one of the places for builds.
    Running(Running),
    /// Is over, and waits for the ledger to have it.
    Concluded,
    /// Another server holds it.
    Elsewhere { preparing: bool, progress: Option<(Stage, u8)> },
}

/// A job that is built here.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) progress: Arc<BuildProgress>,
    /// Whether it has its memory too.
    pub(super) started: bool,
    /// What became of the job if the ledger says that this server no longer holds it: what is built
    /// here no longer counts.
    pub(super) lost: Option<Box<Lost>>,
}

/// What the ledger has of a job that is no longer this server's; `None`: nothing.
pub(super) type Lost = Option<Record>;

/// A job that is done.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) end: End,
    /// Whose turn it took; `None`: that of the target's repository.
    pub(super) fleet: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
pub(super) enum End {
    Ready {
        built: Built,
        last_used: SystemTime,
        /// The last use that the ledger was told of.
        saved_use: SystemTime,
    },
    Failed {
        error: BuildError,
        /// Until when that counts.
        until: Instant,
    },
}

impl Phase {
    /// Not here, nor built anywhere.
    pub(super) const AWAY: Phase = Phase::Elsewhere { preparing: false, progress: None };
}

impl Active {
    pub(super) fn new(number: u64, fleet: String) -> Self {
        Active {
            number,
            fleet,
            asker: None,
            release: false,
            crashes: 0,
            phase: Phase::Queued,
            named: None,
            waiters: 0,
            idle_since: None,
            watched: false,
            wished: false,
            troubles: 0,
            trouble_since: None,
            trouble: None,
            outcome: watch::Sender::new(None),
        }
    }

    /// Whether it is to go on for ever.
    pub(super) fn is_wanted(&self) -> bool {
        self.waiters > 0 || self.release
    }

    /// How far another server is with it, as far as that is known.
    pub(super) fn progress_elsewhere(&self) -> Option<(Stage, u8)> {
        match self.phase {
            Phase::Elsewhere { progress, .. } => progress,
            _ => None,
        }
    }

    /// All but the position.
    pub(super) fn status(&self) -> JobStatus {
        let mut status = JobStatus::new(JobState::Pending);
        status.failure.clone_from(&self.trouble);
        match &self.phase {
            Phase::Running(Running { progress, started: true, .. }) => {
                status.state = JobState::Preparing;
                status.stage = Some(progress.stage());
                status.percent = Some(progress.percent());
            }
            Phase::Concluded => {
                status.state = JobState::Preparing;
                status.percent = Some(100);
            }
            Phase::Elsewhere { preparing: true, progress } => {
                status.state = JobState::Preparing;
                (status.stage, status.percent) = progress.unzip();
            }
            Phase::Running(_) | Phase::Elsewhere { .. } => status.position = Some(0),
            Phase::Queued | Phase::Delayed => {}
        }
        status
    }
}

impl End {
    /// How a job ended that the ledger has in this state; `None`: it has not.
    pub(super) fn of(state: &RecordState, now: Instant) -> Option<Self> {
        match state {
            RecordState::Ready { built, last_used } => {
                let (built, used) = (built.clone(), *last_used);
                Some(End::Ready { built, last_used: used, saved_use: used })
            }
            RecordState::Failed { error, expires } => {
                let left = expires.duration_since(SystemTime::now()).unwrap_or_default();
                Some(End::Failed { error: error.clone(), until: now + left })
            }
            RecordState::Pending | RecordState::Preparing => None,
        }
    }
}

impl Finished {
    /// How a job ended that the ledger has so; `None`: it has not.
    pub(super) fn of(record: &Record, now: Instant) -> Option<Self> {
        let own = record.fleet != record.pair.target.repository;
        let fleet = own.then(|| Arc::from(&*record.fleet));
        Some(Finished { end: End::of(&record.state, now)?, fleet })
    }

    /// Whether it came to nothing.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self.end, End::Failed { .. })
    }

    /// How it ended, unless that no longer counts.
    pub(super) fn outcome(&self, now: Instant) -> Option<Outcome> {
        match &self.end {
            End::Ready { built, .. } => Some(Outcome::Ready(built.clone())),
            End::Failed { error, until } => (*until > now).then(|| Outcome::Failed(error.clone())),
        }
    }

    pub(super) fn status(&self, now: Instant) -> Option<JobStatus> {
        let status = match self.outcome(now)? {
            Outcome::Ready(built) => {
                JobStatus { built: Some(built), ..JobStatus::new(JobState::Ready) }
            }
            Outcome::Failed(error) => {
                JobStatus { failure: Some(error), ..JobStatus::new(JobState::Failed) }
            }
            Outcome::Crowded | Outcome::Parked => return None,
        };
        Some(status)
    }

    /// The artifact that it ended with, and when somebody last asked for it.
    pub(super) fn file(&self) -> Option<(&str, SystemTime)> {
        match &self.end {
            End::Ready {
                built: Built { place: BuiltPlace::File { key }, .. }, last_used, ..
            } => Some((key, *last_used)),
            _ => None,
        }
    }

    /// When it was last of use; a failure is of none.
    pub(super) fn last_used(&self) -> Option<SystemTime> {
        match &self.end {
            End::Ready { last_used, .. } => Some(*last_used),
            End::Failed { .. } => None,
        }
    }
}
