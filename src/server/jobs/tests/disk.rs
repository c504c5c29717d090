//! A disk for the table that takes everything at once.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::server::jobs::JobSettings;
use crate::server::jobs::change::{Change, What};
use crate::server::jobs::record::{Record, RecordState};
use crate::server::jobs::table::Table;
use crate::server::jobs::writer::Writer;
use crate::server::pair::Pair;

pub(super) struct Disk {
    changes: UnboundedReceiver<Change>,
    records: Vec<Record>,
}

/// A table with what is on `records`, and the disk that it writes to.
pub(super) fn table_on(settings: JobSettings, records: Vec<Record>) -> (Table, Disk) {
    let (writer, changes) = Writer::channel();
    let mut table = Table::new(settings, writer);
    table.restore(records.clone());
    (table, Disk { changes, records })
}

impl Disk {
    /// What is on it, in the order in which it came.
    pub(super) fn records(&mut self) -> &[Record] {
        while let Ok(change) = self.changes.try_recv() {
            match change.what {
                What::Save(record) => match self.place(&record.pair) {
                    Some(place) => self.records[place] = record,
                    None => self.records.push(record),
                },
                What::Remove(pair) => self.records.retain(|record| record.pair != pair),
                What::Claim(pair, answer) => {
                    let place = self.place(&pair).expect("it waits on the disk");
                    assert_eq!(self.records[place].state, RecordState::Pending);
                    self.records[place].state = RecordState::Preparing;
                    // A test may not care.
                    let _ = answer.send(true);
                }
                What::Check | What::End => {}
            }
        }
        &self.records
    }

    pub(super) fn record(&mut self, pair: &Pair) -> Option<&Record> {
        self.records().iter().find(|record| *record.pair == *pair)
    }

    fn place(&self, pair: &Arc<Pair>) -> Option<usize> {
        self.records.iter().position(|record| record.pair == *pair)
    }
}
