//! Where jobs are kept from one start of the server to the next.

use std::future::Future;
use std::sync::Arc;

use super::record::Record;
use crate::server::ServerError;
use crate::server::pair::Pair;

/// A durable copy of the jobs. One task uses a ledger, one call at a time; whatever a call did is on
/// disk when the call returns. After an error the ledger may be used again: each call finds its own
/// way back, for instance over a new connection.
pub(super) trait Ledger: Send + 'static {
    /// All jobs, in the order in which they came.
    fn load(&mut self) -> impl Future<Output = Result<Vec<Record>, ServerError>> + Send;

    /// Writes these jobs, all or none; a job that the ledger has keeps its place in the order.
    fn save(&mut self, records: &[Record]) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Forgets these jobs, all or none.
    fn remove(
        &mut self,
        pairs: &[Arc<Pair>],
    ) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Notes that this server prepares a job that waits. Returns `false` if the job does not wait any
    /// more, because another server prepares the job or has finished it.
    fn claim(&mut self, pair: &Pair) -> impl Future<Output = Result<bool, ServerError>> + Send;

    /// Writes something that changes nothing: whether the ledger takes writes.
    fn probe(&mut self) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Ends the use of the ledger.
    fn close(self) -> impl Future<Output = ()> + Send;
}
