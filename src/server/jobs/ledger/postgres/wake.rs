//! Hearing at once that another server changed something: LISTEN, over a connection of its own.
//!
//! A connection that is gone is made anew, later and later; meanwhile the ledger looks now and then.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{ConnectOptions as _, Error};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::address::DatabaseAddress;
use super::progress::{self, report};
use crate::server::jobs::ledger::servers::{Report, Told};

/// Reports of other servers that wait to be heard, at most: they come again.
const MAX_REPORTS: usize = 256;

/// Where the database tells of changes.
const CHANNEL: &str = "remora_jobs";
/// How long nothing may be heard before the connection is tried: it may be cut without a sign.
const QUIET: Duration = Duration::from_secs(30);
/// How long connecting and trying may take.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// The pause after the first failure, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Tells when another server changed something, until it is dropped.
pub(super) struct Wake {
    changed: Arc<Notify>,
    reports: mpsc::Receiver<Report>,
    task: JoinHandle<()>,
}

/// The other end.
struct Teller {
    me: String,
    changed: Arc<Notify>,
    reports: mpsc::Sender<Report>,
}

impl Wake {
    /// Listens for what others than `me` do.
    pub(super) fn start(address: &DatabaseAddress, me: &str) -> Self {
        let changed = Arc::new(Notify::new());
        let (sender, reports) = mpsc::channel(MAX_REPORTS);
        let teller = Teller { me: me.to_owned(), changed: Arc::clone(&changed), reports: sender };
        let task = tokio::spawn(listen_for_ever(address.clone(), teller));
        Wake { changed, reports, task }
    }

    /// Resolves when something was changed, or told. May be given up and called again.
    pub(super) async fn told(&mut self) -> Told {
        tokio::select! {
            biased;
            () = self.changed.notified() => Told::News,
            Some(report) = self.reports.recv() => Told::Progress(report),
        }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Teller {
    fn tell(&self, channel: &str, message: &str) {
        if channel == progress::CHANNEL {
            if let Some(report) = report(message, &self.me) {
                // Where too many wait this one is left out: the next says more.
                let _ = self.reports.try_send(report);
            }
        } else if message != self.me {
            self.changed.notify_one();
        }
    }
}

async fn listen_for_ever(address: DatabaseAddress, teller: Teller) {
    let (first, longest) = PAUSES;
    let mut pause = first;
    loop {
        let error = match listener(&address, &teller.me).await {
            Ok(listener) => {
                pause = first;
                // Something may have happened before.
                teller.changed.notify_one();
                listen(listener, &teller).await
            }
            Err(error) => error,
        };
        let error = address.without_secret(&error.to_string());
        tracing::debug!("changes of other servers are looked for now and then: {error}");
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

async fn listener(address: &DatabaseAddress, me: &str) -> Result<PgListener, Error> {
    let options = address.options().application_name(me).disable_statement_logging();
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(ANSWER_TIME);
    // Slow is nothing to be told of: what fails is.
    let pool = pool.acquire_slow_threshold(ANSWER_TIME);
    let mut listener = PgListener::connect_with(&pool.connect_lazy_with(options)).await?;
    listener.eager_reconnect(false);
    listener.listen_all([CHANNEL, progress::CHANNEL]).await?;
    Ok(listener)
}

/// Passes on what is told, until the connection fails.
async fn listen(mut listener: PgListener, teller: &Teller) -> Error {
    loop {
        match timeout(QUIET, listener.try_recv()).await {
            Ok(Ok(Some(told))) => teller.tell(told.channel(), told.payload()),
            Ok(Ok(None)) => return Error::PoolTimedOut,
            Ok(Err(error)) => return error,
            Err(_) => {
                let tried = sqlx::query("SELECT 1").execute(&mut listener);
                match timeout(ANSWER_TIME, tried).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return error,
                    Err(_) => return Error::PoolTimedOut,
                }
            }
        }
    }
}
