//! The one task that uses the ledger: it writes changes in the order in which they come, takes over what
//! the ledger says, claims jobs for the places that are free, and gives signs of life.
//!
//! Whatever is told to others (a job is queued, a delta is ready) is written and synced before. Changes
//! that come while others are written go together into the next write, so that a thousand of them cost a
//! few syncs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::backlog::Backlog;
use super::ledger::{Ledger, News, Report, Sign, Told};
use super::message::Message;
use super::shared::Shared;
use super::survey::Survey;
use super::work;
use super::write_health::WriteHealth;
use crate::server::ServerError;

/// Between two attempts while the ledger can't be used.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause where servers share the database: short beside a lease.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the ledger forgets what is old.
const TIDY_INTERVAL: Duration = Duration::from_secs(3600);
/// Of the time for which a lease or a wish counts, how many signs of life there are in it: a few may be lost.
const BEATS: u32 = 4;
/// The least time between two signs of life.
const SHORTEST_BEAT: Duration = Duration::from_millis(50);
/// The time between two reports of how far builds are: enough for a bar to move.
const REPORTS: Duration = Duration::from_secs(1);
/// How soon a job that was left to another server is asked for again.
const CLAIM_PAUSE: Duration = Duration::from_millis(500);
/// How often sums are written down.
const SUM_INTERVAL: Duration = Duration::from_secs(5);
/// Messages that are taken up at a time.
const MAX_BATCH: usize = 512;

pub(super) struct Keeper<L> {
    ledger: L,
    messages: UnboundedReceiver<Message>,
    shared: Arc<Shared>,
    health: Arc<WriteHealth>,
    backlog: Backlog,
    /// Whether other servers use the ledger too.
    is_shared: bool,
    /// Whether all jobs were read, and which layers are here.
    is_loaded: bool,
    has_images: bool,
    /// When to claim again what was left to another server.
    claim_at: Option<Instant>,
    /// What others were told last of the builds here.
    reported: Vec<Report>,
    /// When trouble with sums or surveys was told last.
    uncounted_at: Option<Instant>,
}

/// What a round is to do beside writing.
#[derive(Default, Clone, Copy)]
struct Due {
    /// There may be news.
    news: bool,
    /// It is time for a sign of life.
    beat: bool,
    /// Others may hear how far the builds here are.
    reports: bool,
    /// It is time to forget what is old.
    tidy: bool,
    /// It is time to write sums down.
    sums: bool,
}

impl<L: Ledger> Keeper<L> {
    pub(super) fn new(
        ledger: L,
        messages: UnboundedReceiver<Message>,
        shared: Arc<Shared>,
        is_loaded: bool,
    ) -> Self {
        let (health, is_shared) = {
            let table = shared.table();
            (table.writer.health(), table.settings.database.is_some())
        };
        let (backlog, claim_at, reported, uncounted_at) = Default::default();
        Keeper {
            ledger,
            messages,
            shared,
            health,
            backlog,
            is_shared,
            is_loaded,
            has_images: false,
            claim_at,
            reported,
            uncounted_at,
        }
    }

    /// Keeps the ledger until it is told to end.
    pub(super) async fn keep(mut self) {
        let mut beats = interval(self.beat());
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reports = interval(REPORTS);
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tidy = interval(TIDY_INTERVAL);
        tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sums = interval(SUM_INTERVAL);
        sums.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        loop {
            let mut due = Due::default();
            tokio::select! {
                received = self.messages.recv_many(&mut batch, MAX_BATCH) => {
                    if received == 0 {
                        break;
                    }
                }
                told = self.ledger.changed() => match told {
                    Told::News => due.news = true,
                    Told::Progress(report) => {
                        self.shared.table().hear_progress(&report);
                        continue;
                    }
                },
                () = self.shared.turns.notified() => {}
                () = sleep_until(self.claim_at.unwrap_or_else(Instant::now)), if self.claim_at.is_some() => {}
                _ = reports.tick(), if self.is_shared => due.reports = true,
                _ = beats.tick() => due.beat = true,
                _ = tidy.tick() => due.tidy = true,
                _ = sums.tick() => due.sums = true,
            }
            self.claim_at = None;
            batch.drain(..).for_each(|message| self.backlog.add(message));
            due.sums |= self.backlog.end;
            self.insist(due).await;
            if self.backlog.written() {
                break;
            }
        }
        self.ledger.close().await;
        self.backlog.closed();
    }

    /// The time between two signs of life.
    fn beat(&self) -> Duration {
        let table = self.shared.table();
        let counts = table.settings.lease.min(table.settings.grace);
        (counts / BEATS).max(SHORTEST_BEAT)
    }

    /// Tries a round until it succeeds.
    async fn insist(&mut self, due: Due) {
        let mut pause = RETRY_PAUSE;
        while let Err(error) = self.round(due).await {
            self.shared.set_leads(self.ledger.leads());
            self.health.failed(&error, std::time::Instant::now());
            tokio::time::sleep(pause).await;
            if self.is_shared {
                // All servers of a database that comes back come back with it.
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            while let Ok(message) = self.messages.try_recv() {
                self.backlog.add(message);
            }
            self.backlog.forget_who_left();
        }
        self.shared.set_leads(self.ledger.leads());
        self.health.succeeded();
    }

    async fn round(&mut self, due: Due) -> Result<(), ServerError> {
        self.load().await?;
        // A build begins while the end of the one before is synced.
        self.claim().await?;
        self.write().await?;
        if due.beat {
            self.give_sign().await?;
        }
        if due.tidy {
            let remember = self.shared.table().settings.remember;
            self.ledger.tidy(remember).await?;
        }
        if due.beat || due.news {
            self.hear().await?;
        }
        if due.reports {
            self.report().await?;
        }
        self.claim().await?;
        self.count(due).await
    }

    /// Keeps sums and takes surveys. Nobody's job waits because of trouble with these alone.
    async fn count(&mut self, due: Due) -> Result<(), ServerError> {
        let added = if due.sums { self.add_sums().await } else { Ok(()) };
        let surveyed = if self.backlog.survey { self.survey().await } else { Ok(()) };
        let Err(error) = added.and(surveyed) else { return Ok(()) };
        // A ledger that takes nothing at all is waited for.
        self.ledger.probe().await?;
        self.backlog.survey = false;
        if self.uncounted_at.is_none_or(|told| told.elapsed() >= TIDY_INTERVAL) {
            tracing::error!("{error}; jobs go on, the page's sums do not");
            self.uncounted_at = Some(Instant::now());
        }
        Ok(())
    }

    async fn survey(&mut self) -> Result<(), ServerError> {
        self.shared.surveys.set(Survey::take(&mut self.ledger).await?);
        self.backlog.survey = false;
        Ok(())
    }

    /// Writes down what was delivered and built since the last time.
    async fn add_sums(&mut self) -> Result<(), ServerError> {
        if self.backlog.sums.is_empty() && !self.shared.sums.are_empty() {
            let shared = Arc::clone(&self.shared);
            let taken = spawn_blocking(move || shared.sums.take(&*shared.builder)).await;
            self.backlog.sums = taken.unwrap_or_default();
        }
        if !self.backlog.sums.is_empty() {
            self.ledger.add_sums(&self.backlog.sums).await?;
            self.backlog.sums.clear();
        }
        Ok(())
    }

    /// Reads all jobs, if the database was away when the server started, and what layers are here.
    async fn load(&mut self) -> Result<(), ServerError> {
        if !self.is_loaded {
            let records = self.ledger.load().await?;
            self.shared.table().hear(News::All(records), Instant::now());
            self.is_loaded = true;
            self.shared.set_read(true);
            tracing::info!("the jobs were read");
        }
        if !self.has_images {
            let images = self.ledger.images().await?;
            self.shared.table().images.restore(images);
            self.has_images = true;
        }
        Ok(())
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

    /// Gives a sign of life.
    async fn give_sign(&mut self) -> Result<(), ServerError> {
        let (wanted, images) = {
            let mut table = self.shared.table();
            (table.wanted(), table.images.take_fresh())
        };
        let sign = Sign { wanted: &wanted, images: &images };
        match self.ledger.beat(sign).await {
            Ok(standing) => {
                self.shared.standing.send_if_modified(|before| {
                    let is_news = *before != standing;
                    *before = standing;
                    is_news
                });
                Ok(())
            }
            Err(error) => {
                self.shared.table().images.give_back(images);
                Err(error)
            }
        }
    }

    /// Tells others how far the builds here are, if they have got any further.
    async fn report(&mut self) -> Result<(), ServerError> {
        let reports = self.shared.table().progress();
        let news: Vec<Report> =
            reports.iter().filter(|report| !self.reported.contains(report)).cloned().collect();
        self.reported = reports;
        if news.is_empty() { Ok(()) } else { self.ledger.report(&news).await }
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
            let candidates = self.shared.table().candidates(Instant::now());
            if candidates.is_empty() {
                return Ok(());
            }
            let Some(claimed) = self.ledger.claim(&candidates).await? else {
                // If others have all of them, this server hears of that soon.
                let is_left = candidates.iter().any(|candidate| candidate.patient);
                self.claim_at = is_left.then(|| Instant::now() + CLAIM_PAUSE);
                return Ok(());
            };
            if let Some(record) = claimed.record {
                let turn = self.shared.table().granted(&record);
                if let Some(turn) = turn {
                    tokio::spawn(work::run(Arc::clone(&self.shared), turn));
                }
            }
        }
    }
}
