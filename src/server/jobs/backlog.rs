//! Changes that are not written yet.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::change::{Change, What};
use super::ledger::Ledger;
use super::record::Record;
use crate::server::ServerError;
use crate::server::pair::Pair;

/// Changes in the order in which they came. A job's newer change takes the place of its older one,
/// unless a claim is between the two: a claim looks at what was written before.
#[derive(Default)]
pub(super) struct Backlog {
    steps: VecDeque<Step>,
    /// The step that a newer change of the pair replaces, counted from the first step ever.
    latest: HashMap<Arc<Pair>, usize>,
    /// How many steps were written.
    taken: usize,
    /// Who hears of it when all steps are written.
    waiting: Vec<oneshot::Sender<()>>,
    end: bool,
}

enum Step {
    Save(Record),
    Remove(Arc<Pair>),
    Claim(Arc<Pair>, oneshot::Sender<bool>),
    Probe,
}

impl Backlog {
    pub(super) fn add(&mut self, change: Change) {
        self.waiting.extend(change.done);
        match change.what {
            What::Save(record) => self.replace(Arc::clone(&record.pair), Step::Save(record)),
            What::Remove(pair) => self.replace(Arc::clone(&pair), Step::Remove(pair)),
            What::Claim(pair, answer) => {
                self.latest.remove(&pair);
                self.steps.push_back(Step::Claim(pair, answer));
            }
            What::Check if matches!(self.steps.back(), Some(Step::Probe)) => {}
            What::Check => self.steps.push_back(Step::Probe),
            What::End => self.end = true,
        }
    }

    fn replace(&mut self, pair: Arc<Pair>, step: Step) {
        if let Some(place) = self.latest.get(&pair) {
            self.steps[place - self.taken] = step;
            return;
        }
        self.latest.insert(pair, self.taken + self.steps.len());
        self.steps.push_back(step);
    }

    /// Writes all steps. After an error what is not written yet is still there.
    pub(super) async fn write(&mut self, ledger: &mut impl Ledger) -> Result<(), ServerError> {
        while let Some(step) = self.steps.front() {
            let written = match step {
                Step::Save(_) => {
                    let records: Vec<Record> = self.run(Step::saved);
                    ledger.save(&records).await?;
                    records.len()
                }
                Step::Remove(_) => {
                    let pairs: Vec<Arc<Pair>> = self.run(Step::removed);
                    ledger.remove(&pairs).await?;
                    pairs.len()
                }
                Step::Claim(pair, _) => {
                    let granted = ledger.claim(pair).await?;
                    self.answer(granted);
                    1
                }
                Step::Probe => ledger.probe().await.map(|()| 1)?,
            };
            self.take(written);
        }
        Ok(())
    }

    /// What the steps at the front have in common with the first.
    fn run<T>(&self, part: impl Fn(&Step) -> Option<T>) -> Vec<T> {
        self.steps.iter().map_while(part).collect()
    }

    fn answer(&mut self, granted: bool) {
        // The place of the claim, so that it is answered once only.
        if let Some(step) = self.steps.front_mut()
            && let Step::Claim(_, answer) = std::mem::replace(step, Step::Probe)
        {
            // Nobody listens if the server stops.
            let _ = answer.send(granted);
        }
    }

    fn take(&mut self, count: usize) {
        self.steps.drain(..count);
        self.taken += count;
        let taken = self.taken;
        self.latest.retain(|_, place| *place >= taken);
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
        self.steps.len()
    }
}

impl Step {
    fn saved(&self) -> Option<Record> {
        match self {
            Step::Save(record) => Some(record.clone()),
            _ => None,
        }
    }

    fn removed(&self) -> Option<Arc<Pair>> {
        match self {
            Step::Remove(pair) => Some(Arc::clone(pair)),
            _ => None,
        }
    }
}
