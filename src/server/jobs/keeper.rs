//! The one task that uses the ledger: it writes changes in the order in which they come, takes over what
//! the ledger says, claims jobs for the places that are free, and gives signs of life.
//!
//! Whatever is told to others (a job is queued, a delta is ready) is written and synced before. Changes
//! that come while others are written go together into the next write, so that a thousand of them cost a
//! few syncs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::backlog::Backlog;
use super::ledger::Ledger;
use super::message::Message;
use super::shared::Shared;
use super::work;
use super::write_health::WriteHealth;
use crate::server::ServerError;

/// Between two attempts while the ledger can't be used.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Of the time for which a lease or a wish counts, how many signs of life there are in it: a few may be lost.
const BEATS: u32 = 4;
/// The least time between two signs of life.
const SHORTEST_BEAT: Duration = Duration::from_millis(50);
/// Messages that are taken up at a time.
const MAX_BATCH: usize = 512;

pub(super) struct Keeper<L> {
    ledger: L,
    messages: UnboundedReceiver<Message>,
    shared: Arc<Shared>,
    health: Arc<WriteHealth>,
    backlog: Backlog,
}

/// What a round is to do beside writing.
#[derive(Default, Clone, Copy)]
struct Due {
    /// There may be news.
    news: bool,
    /// It is time for a sign of life.
    beat: bool,
}

impl<L: Ledger> Keeper<L> {
    pub(super) fn new(
        ledger: L,
        messages: UnboundedReceiver<Message>,
        shared: Arc<Shared>,
    ) -> Self {
        let health = shared.table().writer.health();
        Keeper { ledger, messages, shared, health, backlog: Backlog::default() }
    }

    /// Keeps the ledger until it is told to end.
    pub(super) async fn keep(mut self) {
        let mut beats = interval(self.beat());
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        loop {
            let mut due = Due::default();
            tokio::select! {
                received = self.messages.recv_many(&mut batch, MAX_BATCH) => {
                    if received == 0 {
                        break;
                    }
                }
                () = self.ledger.changed() => due.news = true,
                () = self.shared.turns.notified() => {}
                _ = beats.tick() => due.beat = true,
            }
            batch.drain(..).for_each(|message| self.backlog.add(message));
            self.insist(due).await;
            if self.backlog.written() {
                break;
            }
        }
        self.ledger.close().await;
    }

    /// The time between two signs of life.
    fn beat(&self) -> Duration {
        let table = self.shared.table();
        let counts = table.settings.lease.min(table.settings.grace);
        (counts / BEATS).max(SHORTEST_BEAT)
    }

    /// Tries a round until it succeeds.
    async fn insist(&mut self, due: Due) {
        while let Err(error) = self.round(due).await {
            self.health.failed(&error, std::time::Instant::now());
            tokio::time::sleep(RETRY_PAUSE).await;
            while let Ok(message) = self.messages.try_recv() {
                self.backlog.add(message);
            }
            self.backlog.forget_who_left();
        }
        self.health.succeeded();
    }

    async fn round(&mut self, due: Due) -> Result<(), ServerError> {
        self.write().await?;
        if due.beat {
            let wanted = self.shared.table().wanted();
            self.ledger.beat(&wanted).await?;
        }
        if due.beat || due.news {
            self.hear().await?;
        }
        self.claim().await
    }

    async fn write(&mut self) -> Result<(), ServerError> {
        loop {
            let truths = self.backlog.write(&mut self.ledger).await?;
            if truths.is_empty() {
                return Ok(());
            }
            let (mut table, now) = (self.shared.table(), Instant::now());
            for (truth, number) in truths {
                table.written(truth, number, now);
            }
            drop(table);
            self.shared.wake.notify_one();
        }
    }

    async fn hear(&mut self) -> Result<(), ServerError> {
        let news = self.ledger.news().await?;
        self.shared.table().hear(news, Instant::now());
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Begins as many jobs as there are places for.
    async fn claim(&mut self) -> Result<(), ServerError> {
        loop {
            let candidates = self.shared.table().candidates();
            if candidates.is_empty() {
                return Ok(());
            }
            // If others have all of them, this server hears of that soon.
            let Some(claimed) = self.ledger.claim(&candidates).await? else { return Ok(()) };
            if let Some(record) = claimed.record {
                let turn = self.shared.table().granted(&record);
                if let Some(turn) = turn {
                    tokio::spawn(work::run(Arc::clone(&self.shared), turn));
                }
            }
        }
    }
}
