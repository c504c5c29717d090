//! What is to be written to the ledger.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::record::Record;
use crate::server::pair::Pair;

/// A change, and who hears of it when it is on disk.
pub(super) struct Change {
    pub(super) what: What,
    pub(super) done: Option<oneshot::Sender<()>>,
}

pub(super) enum What {
    Save(Record),
    Remove(Arc<Pair>),
    /// The answer says whether the job is this server's to prepare.
    Claim(Arc<Pair>, oneshot::Sender<bool>),
    /// Nothing: tells that the ledger can be written to.
    Check,
    End,
}
