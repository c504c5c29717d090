//! How jobs end.

use super::ledger::RecordState;
use crate::server::build::{BuildError, Built};

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// The delta is there, or is not worth it.
    Ready(Built),
    /// It cannot be made, for now or for ever.
    Failed(BuildError),
    /// The queue was full, and the job made room for that of a smaller fleet.
    Crowded,
    /// The server stops; the job goes on when it starts again.
    Parked,
}

impl Outcome {
    /// What those hear who wait for a job that the ledger has in this state; `None`: they go on waiting.
    pub(super) fn of(state: &RecordState) -> Option<Self> {
        match state {
            RecordState::Ready { built, .. } => Some(Outcome::Ready(built.clone())),
            RecordState::Failed { error, .. } => Some(Outcome::Failed(error.clone())),
            RecordState::Pending | RecordState::Preparing => None,
        }
    }
}
