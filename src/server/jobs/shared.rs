//! What requests, builds and the scheduler share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;

use super::ledger::Standing;
use super::sums::Sums;
use super::survey::Surveys;
use super::table::Table;
use crate::server::build::Builder;
use crate::server::pair::Pair;

/// The unit in which memory is handed out.
const MEMORY_UNIT: u64 = 1 << 20;
/// So many of those who waited for a job get their answers at a time.
const ANSWERS_AT_A_TIME: usize = 16;

pub(super) struct Shared {
    table: Mutex<Table>,
    /// Something changed that the scheduler has to look at.
    pub(super) wake: Notify,
    /// There may be a job to claim, or a place for one.
    pub(super) turns: Notify,
    /// A build ended.
    pub(super) ended: Notify,
    pub(super) builder: Arc<dyn Builder>,
    /// What was delivered and built since the ledger last heard of it.
    pub(super) sums: Sums,
    /// What the ledger last said of days and servers.
    pub(super) surveys: Surveys,
    /// The memory that is free, in [`MEMORY_UNIT`]s. First come, first served: a large build that
    /// waits is not overtaken by small ones.
    pub(super) memory: Semaphore,
    memory_units: u32,
    /// Whose turn it is to be answered, of those who waited.
    answers: Semaphore,
    /// What this server is among the others.
    pub(super) standing: watch::Sender<Standing>,
    leads: AtomicBool,
    is_read: AtomicBool,
}

impl Shared {
    pub(super) fn new(table: Table, builder: Arc<dyn Builder>) -> Self {
        let memory_units = units(table.settings.memory);
        Shared {
            table: Mutex::new(table),
            wake: Notify::new(),
            turns: Notify::new(),
            ended: Notify::new(),
            builder,
            sums: Sums::default(),
            surveys: Surveys::default(),
            memory: Semaphore::new(memory_units as usize),
            memory_units,
            answers: Semaphore::new(ANSWERS_AT_A_TIME),
            standing: watch::Sender::new(Standing::ALONE),
            leads: AtomicBool::new(false),
            is_read: AtomicBool::new(false),
        }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this server is the one that does what one alone has to do.
    pub(super) fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }

    /// Whether the jobs were read from the ledger.
    pub(super) fn is_read(&self) -> bool {
        self.is_read.load(Ordering::Relaxed)
    }

    pub(super) fn set_read(&self, is_read: bool) {
        self.is_read.store(is_read, Ordering::Relaxed);
    }

    pub(super) fn set_leads(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
    }

    /// How much of the memory a build gets: all of it if it needs more than there is.
    pub(super) fn share(&self, bytes: u64) -> u32 {
        units(bytes).min(self.memory_units)
    }

    /// Waits for a turn to be answered: thousands may have waited for one job, and whoever asks for something else
    /// must not stand behind all of them.
    pub(super) async fn turn_to_answer(&self) {
        let _turn = self.answers.acquire().await;
        // Who has a turn lets others go on first: without that, all would have theirs one right after the other.
        tokio::task::yield_now().await;
    }

    pub(super) fn left(&self, pair: &Pair, job: u64) {
        self.table().left(pair, job, Instant::now());
        self.wake.notify_one();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// At least one, so that every build counts.
fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX).max(1)
}
