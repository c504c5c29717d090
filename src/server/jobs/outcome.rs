//! How jobs end.

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
