//! What is told to the task that keeps the ledger.

use tokio::sync::oneshot;

use super::ledger::Change;

/// What it is to do, and who hears of it when it is on disk.
pub(super) struct Message {
    pub(super) request: Request,
    pub(super) done: Option<oneshot::Sender<()>>,
}

pub(super) enum Request {
    /// A change and its number: numbers grow.
    Change(Change, u64),
    /// Nothing: tells that the ledger can be written to.
    Check,
    /// Looks at what the ledger knows beside the jobs.
    Survey,
    End,
}
