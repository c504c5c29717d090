//! What a server wants of a job.

use std::sync::Arc;

use super::record::{RecordState, Trouble};
use crate::server::pair::Pair;

/// A change of one job. The ledger carries it out only if what the ledger has of the job allows it.
#[derive(Debug, Clone)]
pub(in crate::server::jobs) struct Change {
    pub(in crate::server::jobs) pair: Arc<Pair>,
    pub(in crate::server::jobs) what: What,
}

#[derive(Debug, Clone)]
pub(in crate::server::jobs) enum What {
    /// Somebody waits for it at this server, or a release needs it. A job that is not there, or whose
    /// failure no longer counts, begins; one that waits or is prepared is wanted by one more.
    Want { fleet: String, asker: Option<String>, release: bool },
    /// Nobody waits for it at this server any more. It goes, unless another server's clients wait for
    /// it or a release needs it. A job that another server holds is that server's to end.
    Unwant,
    /// It makes room in a full queue: it goes if it has no holder and no release needs it.
    Displace,
    /// The holder begins to prepare it.
    Begin,
    /// The holder met with trouble that may pass: it waits.
    PutOff(Trouble),
    /// The holder gives it back as if it had not been tried.
    Return,
    /// The holder is done: ready or failed.
    End(RecordState),
    /// Somebody asked for what is ready.
    Use,
    /// It goes if it failed and its failure no longer counts.
    Expire,
    /// What came of it no longer counts. A job that waits or is prepared stays.
    Forget,
}
