//! What a server asks of its database.

use std::future::Future;
use std::time::Duration;

use super::change::Change;
use super::daily::{DaySum, FleetSum};
use super::record::{Record, Truth};
use super::servers::{Candidate, Report, Sign, Standing, Told};
use crate::image::Digest;
use crate::server::ServerError;

/// The jobs of an installation, kept for all its servers. One task of a server uses its ledger, one
/// call at a time; whatever a call did is on disk when the call returns. After an error the ledger may
/// be used again: each call finds its own way back, for instance over a new connection.
pub(in crate::server::jobs) trait Ledger: Send + 'static {
    /// The jobs, in the order in which they came: all that wait or are prepared, all with files, and of
    /// the other finished ones those that were asked for last, as many as a server mirrors. What this server
    /// held before its start is nobody's: a crash is counted where the job was being prepared.
    fn load(&mut self) -> impl Future<Output = Result<Vec<Record>, ServerError>> + Send;

    /// Carries these changes out, all or none, each as far as the ledger allows it. Returns what the
    /// ledger has of each job afterwards, in the order of the changes.
    fn write(
        &mut self,
        changes: &[Change],
    ) -> impl Future<Output = Result<Vec<Truth>, ServerError>> + Send;

    /// The images whose layers this server had before its start, as far as anybody noted them.
    fn images(&mut self) -> impl Future<Output = Result<Vec<Digest>, ServerError>> + Send;

    /// Makes this server the holder of the first of these jobs that waits, has no holder and is not left to
    /// another server. Two servers never get the same job.
    fn claim(
        &mut self,
        candidates: &[Candidate],
    ) -> impl Future<Output = Result<Option<Truth>, ServerError>> + Send;

    /// Gives a sign of life: what this server holds stays its own for some time, what is wanted stays
    /// wanted. Jobs whose holder has given none for too long have no holder afterwards.
    fn beat(
        &mut self,
        sign: Sign<'_>,
    ) -> impl Future<Output = Result<Standing, ServerError>> + Send;

    /// Tells other servers how far this one is. Nothing is kept, and a report may get lost.
    fn report(
        &mut self,
        reports: &[Report],
    ) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Whether this server is the one of all that does what one alone has to do. Decided at signs of life.
    fn leads(&self) -> bool;

    /// What has become of jobs since the last call, or since they were loaded; perhaps more than that.
    fn news(&mut self) -> impl Future<Output = Result<News, ServerError>> + Send;

    /// Resolves when there may be news, or another server told something. May be given up and called
    /// again.
    fn changed(&mut self) -> impl Future<Output = Told> + Send;

    /// Forgets deltas that nobody asked for in so long a time, failures that no longer count, and the oldest
    /// deltas beyond a million.
    fn tidy(&mut self, remember: Duration) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Adds these sums to those of today; days older than 400 go. A day has fifty fleets at most, and one sum
    /// for all others.
    fn add_sums(
        &mut self,
        sums: &[FleetSum],
    ) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// The sums of the last `days`, today's among them, in the order of days and fleets.
    fn days(&mut self, days: u32) -> impl Future<Output = Result<Vec<DaySum>, ServerError>> + Send;

    /// The servers that share the ledger.
    fn servers(&mut self) -> impl Future<Output = Result<Vec<KnownServer>, ServerError>> + Send;

    /// Writes something that changes nothing: whether the ledger takes writes.
    fn probe(&mut self) -> impl Future<Output = Result<(), ServerError>> + Send;

    /// Ends the use of the ledger.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// A server, as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownServer {
    /// What this run of it is called.
    pub(crate) name: String,
    /// What its data folder is called; empty if nobody else could have one.
    pub(crate) home: String,
    /// For how long it holds its jobs if nothing more is heard of it; `None`: for ever.
    pub(crate) lease_left: Option<Duration>,
    /// Whether it is the server that looks.
    pub(crate) is_this: bool,
}

/// What has become of jobs.
#[derive(Debug)]
pub(in crate::server::jobs) enum News {
    /// These jobs may have changed.
    Some(Vec<Truth>),
    /// Nobody knows which jobs have changed: here are all that a server mirrors.
    All(Vec<Record>),
}
