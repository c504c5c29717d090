//! Changes that are not written yet.

use std::collections::{BTreeMap, HashMap};
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::ledger::{Change, FleetSum, Ledger, Truth, What};
use super::message::{Message, Request};
use crate::server::ServerError;
use crate::server::pair::Pair;

/// Changes that are written in one transaction, at most: few enough to be done in time over a slow way to
/// the database.
const MAX_CHANGES: usize = 128;

/// Changes in the order in which they came. Of the changes of one kind of a job only the newest counts,
/// so that there are never more than a few for each job.
#[derive(Default)]
pub(super) struct Backlog {
    changes: BTreeMap<u64, Change>,
    newest: HashMap<(Arc<Pair>, Discriminant<What>), u64>,
    /// Whether somebody asks if the ledger takes writes.
    probe: bool,
    /// Whether somebody wants a survey.
    pub(super) survey: bool,
    /// Who hears of it when all is written.
    waiting: Vec<oneshot::Sender<()>>,
    pub(super) end: bool,
    /// Who waits for the end, after which nothing is written.
    ended: Option<oneshot::Sender<()>>,
    /// Sums that the ledger does not have yet.
    pub(super) sums: Vec<FleetSum>,
}

impl Backlog {
    pub(super) fn add(&mut self, message: Message) {
        if let Request::End = message.request {
            (self.end, self.ended) = (true, message.done);
            return;
        }
        self.waiting.extend(message.done);
        match message.request {
            Request::Change(change, number) => self.add_change(change, number),
            Request::Check => self.probe = true,
            Request::Survey => self.survey = true,
            Request::End => {}
        }
    }

    fn add_change(&mut self, mut change: Change, number: u64) {
        let key = (Arc::clone(&change.pair), discriminant(&change.what));
        let older = self.newest.insert(key, number);
        let older = older.and_then(|older| self.changes.remove(&older));
        // What a release wants stays so though a device wants it too.
        if let Some(Change { what: What::Want { release: true, asker: before, .. }, .. }) = older
            && let What::Want { release, asker, .. } = &mut change.what
            && !*release
        {
            (*release, *asker) = (true, before);
        }
        self.changes.insert(number, change);
    }

    /// Writes the first changes, as many as go together. Gives what the ledger has of each afterwards,
    /// with the number of the change; nothing if all is written. After an error all are still there.
    pub(super) async fn write(
        &mut self,
        ledger: &mut impl Ledger,
    ) -> Result<Vec<(Truth, u64)>, ServerError> {
        let (numbers, changes): (Vec<u64>, Vec<Change>) =
            self.changes.iter().take(MAX_CHANGES).map(|(number, it)| (*number, it.clone())).unzip();
        if changes.is_empty() {
            if self.probe {
                ledger.probe().await?;
                self.probe = false;
            }
            return Ok(Vec::new());
        }
        let truths = ledger.write(&changes).await?;
        for number in &numbers {
            self.take(*number);
        }
        Ok(truths.into_iter().zip(numbers).collect())
    }

    fn take(&mut self, number: u64) {
        if let Some(Change { pair, what }) = self.changes.remove(&number) {
            self.newest.remove(&(pair, discriminant(&what)));
        }
    }

    /// The ledger is closed: tells whoever waits for that.
    pub(super) fn closed(self) {
        if let Some(ended) = self.ended {
            // Whoever has waited for too long is gone.
            let _ = ended.send(());
        }
    }

    /// Forgets those who no longer wait for their change.
    pub(super) fn forget_who_left(&mut self) {
        self.waiting.retain(|waiting| !waiting.is_closed());
    }

    /// All is written: tells everybody who waits. Returns whether that was the end.
    pub(super) fn written(&mut self) -> bool {
        for waiting in self.waiting.drain(..) {
            // Whoever does not wait for it has other means to know.
            let _ = waiting.send(());
        }
        self.end
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }
}
