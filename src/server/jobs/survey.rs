//! What the ledger knows beside the jobs, as whoever looks after the servers sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::ledger::{DaySum, KnownServer, Ledger};
use crate::server::ServerError;

/// Days that are shown.
pub(super) const DAYS: u32 = 30;
/// For how long a survey is as good as new: however many look, the database is asked that often.
const FRESH: Duration = Duration::from_secs(2);

/// Days and servers at one moment.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The sums of the last thirty days.
    pub(crate) days: Vec<DaySum>,
    /// The servers that share the ledger.
    pub(crate) servers: Vec<KnownServer>,
    /// When that was so.
    pub(crate) at: SystemTime,
    taken: Instant,
}

impl Survey {
    pub(super) async fn take(ledger: &mut impl Ledger) -> Result<Self, ServerError> {
        let (at, taken) = (SystemTime::now(), Instant::now());
        let days = ledger.days(DAYS).await?;
        Ok(Survey { days, servers: ledger.servers().await?, at, taken })
    }
}

/// The last survey.
#[derive(Debug, Default)]
pub(super) struct Surveys(Mutex<Option<Arc<Survey>>>);

impl Surveys {
    pub(super) fn set(&self, survey: Survey) {
        *self.survey() = Some(Arc::new(survey));
    }

    /// The last one, if it is as good as new.
    pub(super) fn fresh(&self) -> Option<Arc<Survey>> {
        self.last().filter(|survey| survey.taken.elapsed() < FRESH)
    }

    pub(super) fn last(&self) -> Option<Arc<Survey>> {
        self.survey().clone()
    }

    fn survey(&self) -> MutexGuard<'_, Option<Arc<Survey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
