//! A table of jobs over a ledger in memory that takes everything at once, when its driver says so.

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use crate::server::jobs::JobSettings;
#[cfg(test)]
use crate::server::jobs::ledger::Record;
use crate::server::jobs::ledger::{Model, ModelLedger};
use crate::server::jobs::message::{Message, Request};
use crate::server::jobs::schedule::Turn;
use crate::server::jobs::table::Table;
use crate::server::jobs::writer::Writer;
#[cfg(test)]
use crate::server::pair::Pair;

pub(in crate::server::jobs) struct Mirrored {
    pub(in crate::server::jobs) table: Table,
    #[cfg(test)]
    pub(in crate::server::jobs) model: Model,
    #[cfg(test)]
    pub(in crate::server::jobs) me: u32,
    /// Changes that the ledger was given, claims among them.
    pub(super) changes: u64,
    /// Jobs that were read because they may have changed.
    pub(super) reads: u64,
    ledger: ModelLedger,
    messages: UnboundedReceiver<Message>,
}

impl Mirrored {
    /// The table of the server with this number, as it starts over what is in the model.
    pub(in crate::server::jobs) fn new(settings: JobSettings, model: &Model, me: u32) -> Self {
        model.crash(me);
        let (writer, messages) = Writer::channel();
        let mut table = Table::new(settings, writer);
        let ledger = model.of(me);
        table.restore(model.records(me));
        Mirrored {
            table,
            #[cfg(test)]
            model: model.clone(),
            #[cfg(test)]
            me,
            changes: 0,
            reads: 0,
            ledger,
            messages,
        }
    }

    /// Writes what is to be written, takes over what comes back, and hears of others.
    #[cfg(test)]
    pub(in crate::server::jobs) fn sync(&mut self, now: Instant) {
        self.write(now);
        self.hear(now);
        self.write(now);
    }

    /// Writes what is to be written, and takes over what comes back.
    pub(in crate::server::jobs) fn write(&mut self, now: Instant) {
        while let Ok(message) = self.messages.try_recv() {
            if let Request::Change(change, number) = message.request {
                self.changes += 1;
                for truth in self.ledger.write_now(&[change]) {
                    self.table.written(truth, number, now);
                }
            }
        }
    }

    /// Hears of what others did.
    pub(in crate::server::jobs) fn hear(&mut self, now: Instant) {
        for truth in self.ledger.news_now() {
            self.reads += 1;
            self.table.learn(truth, now);
        }
    }

    /// Claims the next job, if there is one and a place for it; it begins.
    pub(in crate::server::jobs) fn turn(&mut self, now: Instant) -> Option<Turn> {
        self.write(now);
        let candidates = self.table.candidates(now);
        let claimed = self.ledger.claim_now(&candidates)?;
        self.changes += 1;
        let turn = self.table.granted(&claimed.record?)?;
        drop(self.table.started(&turn.pair));
        self.write(now);
        Some(turn)
    }

    /// What the ledger has.
    #[cfg(test)]
    pub(in crate::server::jobs) fn records(&self) -> Vec<Record> {
        self.model.records(self.me)
    }

    #[cfg(test)]
    pub(in crate::server::jobs) fn record(&self, pair: &Pair) -> Option<Record> {
        self.records().into_iter().find(|record| *record.pair == *pair)
    }

    /// The server is killed and starts again.
    #[cfg(test)]
    pub(in crate::server::jobs) fn restart(&mut self) {
        *self = Mirrored::new(self.table.settings.clone(), &self.model, self.me);
    }
}
