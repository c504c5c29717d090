//! A table of jobs over a ledger in memory that takes everything at once, when the test says so.

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use crate::server::jobs::JobSettings;
use crate::server::jobs::ledger::{Model, ModelLedger, Record};
use crate::server::jobs::message::{Message, Request};
use crate::server::jobs::schedule::Turn;
use crate::server::jobs::table::Table;
use crate::server::jobs::writer::Writer;
use crate::server::pair::Pair;

pub(super) struct Mirrored {
    pub(super) table: Table,
    pub(super) model: Model,
    pub(super) me: u32,
    ledger: ModelLedger,
    messages: UnboundedReceiver<Message>,
}

impl Mirrored {
    /// The table of the server with this number, as it starts over what is in the model.
    pub(super) fn new(settings: JobSettings, model: &Model, me: u32) -> Self {
        model.crash(me);
        let (writer, messages) = Writer::channel();
        let mut table = Table::new(settings, writer);
        let ledger = model.of(me);
        table.restore(model.records(me));
        Mirrored { table, model: model.clone(), me, ledger, messages }
    }

    /// Writes what is to be written, takes over what comes back, and hears of others.
    pub(super) fn sync(&mut self, now: Instant) {
        self.write(now);
        self.hear(now);
        self.write(now);
    }

    /// Writes what is to be written, and takes over what comes back.
    pub(super) fn write(&mut self, now: Instant) {
        while let Ok(message) = self.messages.try_recv() {
            if let Request::Change(change, number) = message.request {
                for truth in self.ledger.write_now(&[change]) {
                    self.table.written(truth, number, now);
                }
            }
        }
    }

    /// Hears of what others did.
    pub(super) fn hear(&mut self, now: Instant) {
        for truth in self.ledger.news_now() {
            self.table.learn(truth, now);
        }
    }

    /// Claims the next job, if there is one and a place for it; it begins.
    pub(super) fn turn(&mut self, now: Instant) -> Option<Turn> {
        self.write(now);
        let candidates = self.table.candidates(now);
        let claimed = self.ledger.claim_now(&candidates)?;
        let turn = self.table.granted(&claimed.record?)?;
        drop(self.table.started(&turn.pair));
        self.write(now);
        Some(turn)
    }

    /// What the ledger has.
    pub(super) fn records(&self) -> Vec<Record> {
        self.model.records(self.me)
    }

    pub(super) fn record(&self, pair: &Pair) -> Option<Record> {
        self.records().into_iter().find(|record| *record.pair == *pair)
    }

    /// The server is killed and starts again.
    pub(super) fn restart(&mut self) {
        *self = Mirrored::new(self.table.settings.clone(), &self.model, self.me);
    }
}
