//! Jobs: one build per pair however many ask, in a fair order, never more than the machine bears,
//! remembered through every restart.
//!
//! Door: [`Jobs`]. A [`Ticket`] waits for a job's [`Outcome`]; [`JobStatus`] and [`JobEvent`] tell of
//! it meanwhile. What is made, and how, is the [`Builder`]'s.
//!
//! ```text
//! request -> pending -> preparing -> ready (or not worth it)
//!               ^  trouble |  `----> failed, until that expires
//!               `----------'
//! ```
//!
//! The ledger, a database, is the truth, for all servers that share it. The table in memory mirrors it
//! and answers everything; what is promised or told is in the ledger before.
//!
//! Not here: who may ask, what is answered, where deltas are kept.

mod admission;
mod backlog;
mod closing;
mod job;
mod keeper;
mod kept_images;
mod ledger;
mod listed;
mod listing;
mod load;
mod message;
mod mirror;
mod outcome;
mod priority;
mod progress;
mod queue;
mod remembered;
mod schedule;
mod scheduler;
mod settings;
mod shared;
#[doc(hidden)]
pub mod simulation;
mod status;
mod sums;
mod survey;
mod table;
#[cfg(test)]
mod tests;
mod ticket;
mod work;
mod write_health;
mod writer;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) use self::ledger::{DaySum, KnownServer, SharedDatabase, SharedValue, Standing, Sum};
#[cfg(test)]
pub(super) use self::ledger::{new_database, sql};
pub(crate) use self::listed::{ListedJob, Overall};
pub(crate) use self::listing::Wanted;
pub(crate) use self::outcome::Outcome;
pub(super) use self::priority::lower as lower_priority;
pub(crate) use self::settings::JobSettings;
pub(crate) use self::status::{JobCounts, JobEvent, JobState, JobStatus, Origin};
pub(crate) use self::survey::Survey;
pub(crate) use self::ticket::Ticket;

use self::keeper::Keeper;
use self::ledger::{DatabaseAddress, Homes, Ledger, PostgresLedger, SqliteLedger, Terms};
use self::shared::Shared;
use self::table::{Asked, Table};
use self::ticket::Waiter;
use self::writer::Writer;
use super::ServerError;
use super::build::{Builder, Built};
use super::error::system_error;
use super::folder_name::folder_name;
use super::pair::Pair;
use crate::serving::FolderLock;

/// Kept from the time that [`Jobs::stop`] has, for builds that were told to stop to do so.
const STOP_TIME: Duration = Duration::from_secs(2);

/// How long somebody waits for the database who only wants to see something.
const SURVEY_TIME: Duration = Duration::from_millis(500);

/// The jobs of one data folder. Dropped without [`stop`](Self::stop) it is as if the server had been
/// killed.
#[derive(Debug)]
pub(crate) struct Jobs {
    shared: Arc<Shared>,
    scheduler: JoinHandle<()>,
    keeper: JoinHandle<()>,
    _lock: FolderLock,
}

/// No more jobs may wait, or none of this fleet or caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many jobs wait")]
pub(crate) struct QueueFull;

impl Jobs {
    /// Takes the data folder over, with all that waits in it, and begins to work.
    pub(crate) async fn open(
        settings: JobSettings,
        builder: Arc<dyn Builder>,
    ) -> Result<Arc<Self>, ServerError> {
        let lock = FolderLock::take(&settings.folder)?;
        match &settings.database {
            None => {
                let ledger = SqliteLedger::open(&settings.folder, settings.max_remembered).await?;
                Self::over(ledger, settings, builder, lock).await
            }
            Some(address) => {
                let address = DatabaseAddress::parse(address.reveal())
                    .map_err(|error| ServerError::DatabaseAddress(error.to_string()))?;
                let homes = Homes::new(folder_name(&settings.folder)?, settings.files_home.clone());
                let terms = Terms {
                    lease: settings.lease,
                    wish: settings.grace,
                    places: settings.max_builds,
                    answers: settings.answers,
                    mirrored: settings.max_remembered,
                };
                let ledger = PostgresLedger::new(address, homes, terms)?;
                Self::over(ledger, settings, builder, lock).await
            }
        }
    }

    async fn over(
        mut ledger: impl Ledger,
        settings: JobSettings,
        builder: Arc<dyn Builder>,
        lock: FolderLock,
    ) -> Result<Arc<Self>, ServerError> {
        let loaded = match ledger.load().await {
            Ok(records) => Ok(records),
            // Whoever shares a database answers what it can without.
            Err(error) if error.is_of_a_shared_database_that_is_away() => Err(error),
            Err(error) => return Err(error),
        };
        priority::start_computing_threads().map_err(system_error)?;
        let (writer, messages) = Writer::channel();
        let is_loaded = loaded.is_ok();
        if let Err(error) = &loaded {
            writer.health().failed(error, std::time::Instant::now());
        }
        let mut table = Table::new(settings, writer);
        table.restore(loaded.unwrap_or_default());
        let shared = Arc::new(Shared::new(table, builder));
        shared.set_leads(ledger.leads());
        shared.set_read(is_loaded);
        let keeper = Keeper::new(ledger, messages, Arc::clone(&shared), is_loaded);
        Ok(Arc::new(Jobs {
            scheduler: tokio::spawn(scheduler::schedule(Arc::clone(&shared))),
            keeper: tokio::spawn(keeper.keep()),
            shared,
            _lock: lock,
        }))
    }

    /// Joins the job of `pair`, or queues it. What is ready, not worth it or failed not long ago is
    /// known at once. A new job, and one for a release, is on disk when this returns.
    pub(crate) async fn request(&self, pair: Pair, origin: Origin) -> Result<Ticket, QueueFull> {
        let asked = self.shared.table().ask(pair, origin, Instant::now());
        let (pair, job, outcome, promise) = match asked {
            Asked::Full => return Err(QueueFull),
            Asked::Known(outcome) => return Ok(Ticket::known(outcome)),
            Asked::Joined { pair, job, outcome, promise } => (pair, job, outcome, promise),
        };
        let waiter = Waiter { shared: Arc::clone(&self.shared), pair, job };
        let ticket = Ticket::waiting(outcome, waiter);
        self.shared.wake.notify_one();
        if let Some(promise) = promise {
            // The write fails if the server stops, which the ticket tells.
            let _ = promise.await;
        }
        Ok(ticket)
    }

    /// Whether a request for `pair` would make no new job.
    pub(crate) fn know(&self, pair: &Pair) -> bool {
        self.shared.table().knows(pair, Instant::now())
    }

    /// How the job of `pair` is; `None` if nothing is known of it, or no longer.
    pub(crate) fn status(&self, pair: &Pair) -> Option<JobStatus> {
        self.shared.table().status(pair, Instant::now())
    }

    /// Forgets what came of `pair`, for instance because the delta is gone from the registry: the
    /// next request makes it anew. A job that is not finished stays as it is.
    pub(crate) async fn forget(&self, pair: &Pair) {
        let written = self.shared.table().forget(pair);
        if let Some(written) = written {
            let _ = written.await;
        }
    }

    /// All changes from now on. Who is too slow misses some.
    pub(crate) fn events(&self) -> broadcast::Receiver<JobEvent> {
        self.shared.table().events.subscribe()
    }

    /// What this server is among those that share its database, from now on.
    pub(crate) fn standing(&self) -> watch::Receiver<Standing> {
        self.shared.standing.subscribe()
    }

    /// How many there are.
    pub(crate) fn counts(&self) -> JobCounts {
        self.shared.table().counts()
    }

    /// A page of the jobs, the newest first.
    pub(crate) fn list(&self, wanted: &Wanted) -> Vec<ListedJob> {
        self.shared.table().list(wanted, Instant::now())
    }

    /// The jobs whose turn comes next, of those that may be seen.
    pub(crate) fn next_up(&self, count: usize, may_see: impl Fn(&Pair) -> bool) -> Vec<ListedJob> {
        self.shared.table().next_up(count, may_see, Instant::now())
    }

    /// How the jobs are, all together, with so many of the fleets that releases are prepared for.
    pub(crate) fn overall(&self, releases: usize) -> Overall {
        self.shared.table().overall(releases)
    }

    /// Notes that a device was told of a delta.
    pub(crate) fn delivered(&self, pair: &Pair, built: &Built) {
        let fleet = self.shared.table().fleet_of(pair);
        self.shared.sums.delivered(pair, &fleet, built);
    }

    /// What the database knows of days and servers: as it is now, or where the database does not answer at
    /// once as it was when it last did.
    pub(crate) async fn survey(&self) -> Option<Arc<Survey>> {
        if let Some(fresh) = self.shared.surveys.fresh() {
            return Some(fresh);
        }
        let surveyed = self.shared.table().writer.survey();
        let _ = tokio::time::timeout(SURVEY_TIME, surveyed).await;
        self.shared.surveys.last()
    }

    /// Has a pair that failed tried again, as for a release: nobody has to wait for it. Returns whether there
    /// was a failure.
    pub(crate) async fn retry(&self, pair: &Pair) -> Result<bool, QueueFull> {
        let (fleet, forgotten) = {
            let mut table = self.shared.table();
            let fleet = table.fleet_of(pair);
            (fleet, table.forget_failure(pair))
        };
        let Some(forgotten) = forgotten else { return Ok(false) };
        // What is asked for next is written after it.
        drop(forgotten);
        let origin = Origin { fleet, asker: None, release: true };
        self.request(pair.clone(), origin).await.map(|_| true)
    }

    /// Resolves when the database was written to. It does not while the disk is full or broken.
    pub(crate) async fn check(&self) -> Result<(), ServerError> {
        let written = self.shared.table().writer.check();
        written.await.map_err(|_| ServerError::Stopping)
    }

    /// For how long no change could be written down; `None` while changes are. Where servers share a
    /// database it is `None` too: that is no trouble of this server's, and a restart would only lose what
    /// it knows.
    pub(crate) fn unwritten_for(&self) -> Option<Duration> {
        let table = self.shared.table();
        table.writer.failing_for().filter(|_| table.settings.database.is_none())
    }

    /// Whether the delta of `pair` may be ready though this server knows nothing of it: its database is away.
    pub(crate) fn may_be_wrong_about(&self, pair: &Pair) -> bool {
        let table = self.shared.table();
        table.writer.failing_for().is_some() && !table.knows_end(pair, Instant::now())
    }

    /// The registry has the delta of a pair, whatever the jobs know: whoever asks next is told so.
    pub(crate) fn found(&self, pair: &Pair, built: Built) {
        self.shared.table().found(pair, built);
    }

    /// Whether the database, shared or not, takes no changes at the moment.
    pub(crate) fn are_stuck(&self) -> bool {
        self.shared.table().writer.failing_for().is_some()
    }

    /// Why the database takes no changes at the moment.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.shared.table().writer.health().reason()
    }

    /// Whether the jobs were read: a server of a shared database starts without, if the database is away.
    pub(crate) fn are_read(&self) -> bool {
        self.shared.is_read()
    }

    /// Whether this server is the one of all that share the database which does what one alone has to do. For some
    /// seconds after its connection was cut a server may take itself for that though another one is: two must do no
    /// harm. A server that is alone always is.
    pub(crate) fn leads(&self) -> bool {
        self.shared.leads()
    }

    /// The keys of the artifacts that jobs ended with, and when somebody last asked for them.
    pub(crate) fn files(&self) -> Vec<(String, SystemTime)> {
        self.shared.table().files()
    }

    /// Forgets the jobs that ended with these artifacts, unless somebody asked for them after
    /// `unused_since`. Gives those that no job knows of any more.
    pub(crate) async fn release_files(
        &self,
        keys: HashSet<String>,
        unused_since: SystemTime,
    ) -> HashSet<String> {
        let (released, written) = self.shared.table().release_files(keys, unused_since);
        if let Some(written) = written {
            let _ = written.await;
        }
        released
    }

    /// Ends the work: nothing more is begun, and all who wait hear [`Outcome::Parked`]. Builds may
    /// finish within the time; then they are told to stop, and wait on disk for the next start.
    pub(crate) async fn stop(&self, within: Duration) {
        let deadline = Instant::now() + within;
        self.shared.table().close();
        self.until_ended(deadline - STOP_TIME.min(within / 2)).await;
        self.shared.table().cancel_all();
        self.until_ended(deadline).await;
        let end = self.shared.table().park_all();
        // A disk that does not take it must not keep the server from ending.
        if tokio::time::timeout(STOP_TIME, end).await.is_err() {
            tracing::error!("the database could not be written to the end");
        }
        self.scheduler.abort();
    }

    async fn until_ended(&self, deadline: Instant) {
        loop {
            let ended = self.shared.ended.notified();
            if self.shared.table().running == 0 {
                return;
            }
            if tokio::time::timeout_at(deadline, ended).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.scheduler.abort();
        self.keeper.abort();
    }
}
