//! The way to the ledger: one task writes all changes, in the order in which they come.
//!
//! Whatever is told to others (a job is queued, a delta is ready) is written and synced before.
//! Changes that come while others are written go together into the next write, so that a thousand
//! of them cost a few syncs. While nothing can be written, a newer change of a job takes the place of
//! an older one, so that a disk that is full for a week does not fill the memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::backlog::Backlog;
use super::change::{Change, What};
use super::ledger::Ledger;
use super::record::Record;
use super::write_health::WriteHealth;
use crate::server::pair::Pair;

/// Between two attempts to write while the disk is full or broken.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Changes that are taken up at a time.
const MAX_BATCH: usize = 512;

/// The way to the task that writes.
#[derive(Debug)]
pub(super) struct Writer {
    changes: mpsc::UnboundedSender<Change>,
    health: Arc<WriteHealth>,
}

/// Resolves when a change is on disk; an error means that the server stops.
pub(super) type Written = oneshot::Receiver<()>;
/// Resolves when a claim was decided; an error means that the server stops.
pub(super) type Claimed = oneshot::Receiver<bool>;

impl Writer {
    /// Returns the writer, and the work that its task has to do.
    pub(super) fn new(ledger: impl Ledger) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (writer, changes) = Writer::channel();
        let health = Arc::clone(&writer.health);
        (writer, serve(ledger, changes, health))
    }

    /// A writer, and what it is given to write.
    pub(super) fn channel() -> (Self, mpsc::UnboundedReceiver<Change>) {
        let (changes, receiver) = mpsc::unbounded_channel();
        (Writer { changes, health: Arc::default() }, receiver)
    }

    pub(super) fn save(&self, record: Record) -> Written {
        self.send(What::Save(record))
    }

    pub(super) fn remove(&self, pair: Arc<Pair>) -> Written {
        self.send(What::Remove(pair))
    }

    pub(super) fn claim(&self, pair: Arc<Pair>) -> Claimed {
        let (sender, receiver) = oneshot::channel();
        drop(self.send(What::Claim(pair, sender)));
        receiver
    }

    /// Resolves when everything before it is on disk.
    pub(super) fn check(&self) -> Written {
        self.send(What::Check)
    }

    /// Ends the task; what comes later is not written.
    pub(super) fn end(&self) -> Written {
        self.send(What::End)
    }

    /// For how long every write has failed; `None` while writes succeed.
    pub(super) fn failing_for(&self) -> Option<Duration> {
        self.health.failing_for(Instant::now())
    }

    fn send(&self, what: What) -> Written {
        let (sender, receiver) = oneshot::channel();
        // Without a task the receiver fails.
        let _ = self.changes.send(Change { what, done: Some(sender) });
        receiver
    }
}

/// Writes what comes until the task is told to end.
async fn serve(
    mut ledger: impl Ledger,
    mut changes: mpsc::UnboundedReceiver<Change>,
    health: Arc<WriteHealth>,
) {
    let (mut batch, mut backlog) = (Vec::new(), Backlog::default());
    while changes.recv_many(&mut batch, MAX_BATCH).await > 0 {
        batch.drain(..).for_each(|change| backlog.add(change));
        while let Err(error) = backlog.write(&mut ledger).await {
            health.failed(&error, Instant::now());
            tokio::time::sleep(RETRY_PAUSE).await;
            while let Ok(change) = changes.try_recv() {
                backlog.add(change);
            }
            backlog.forget_who_left();
        }
        health.succeeded();
        if backlog.written() {
            break;
        }
    }
    ledger.close().await;
}
