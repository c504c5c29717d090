//! What the ledger says of jobs, taken over: the end of this server's own changes, and what other
//! servers did.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::job::{Active, End, Finished, Job, Phase, Running};
use super::ledger::{Holder, News, Record, RecordState, Report, Trouble, Truth, What};
use super::outcome::Outcome;
use super::table::{Table, Timer};
use crate::server::pair::Pair;

impl Table {
    /// A change was written, and this is what the ledger has of its job now.
    pub(super) fn written(&mut self, truth: Truth, change: u64, now: Instant) {
        if self.unwritten.get(&truth.pair) == Some(&change) {
            self.unwritten.remove(&truth.pair);
            self.learn(truth, now);
        }
    }

    pub(super) fn hear(&mut self, news: News, now: Instant) {
        match news {
            News::Some(truths) => truths.into_iter().for_each(|truth| self.learn(truth, now)),
            News::All(records) => self.learn_all(records, now),
        }
    }

    fn learn_all(&mut self, records: Vec<Record>, now: Instant) {
        let there: HashSet<&Pair> = records.iter().map(|record| &*record.pair).collect();
        let gone = self.jobs.keys().filter(|pair| !there.contains(&***pair)).cloned();
        let gone: Vec<Arc<Pair>> = gone.collect();
        for pair in gone {
            self.learn(Truth { pair, record: None }, now);
        }
        for record in records {
            self.learn(Truth { pair: Arc::clone(&record.pair), record: Some(record) }, now);
        }
    }

    /// Takes over what the ledger has of a job, unless something newer is on its way there.
    pub(super) fn learn(&mut self, truth: Truth, now: Instant) {
        let Truth { pair, record } = truth;
        if self.unwritten.contains_key(&pair) {
            return;
        }
        let Some(record) = record else { return self.learn_end(&pair) };
        self.listing.number(&pair, record.id);
        match self.jobs.get_mut(&pair) {
            Some(Job::Active(Active { phase: Phase::Running(_), .. })) => {
                self.learn_of_build(&pair, record);
            }
            Some(Job::Active(_)) => self.settle(record, now),
            Some(Job::Finished(_)) | None => self.take_in(record, now),
        }
    }

    /// A job of which this server knew nothing, or how it ended an earlier time.
    pub(super) fn take_in(&mut self, record: Record, now: Instant) {
        let pair = Arc::clone(&record.pair);
        if let Some(finished) = Finished::of(&record, now) {
            return self.remember(&pair, finished, now);
        }
        // Nobody waits here, but those who did elsewhere have not had the time to come: until one of them
        // has, and has left, the job goes on.
        let mut active = self.new_active(record.fleet.clone());
        active.phase = Phase::AWAY;
        (active.asker, active.release) = (record.asker.clone(), record.release);
        self.insert(pair, Job::Active(active));
        self.settle(record, now);
    }

    /// What came of a job that is not active here.
    fn remember(&mut self, pair: &Arc<Pair>, mut finished: Finished, now: Instant) {
        let before = match self.jobs.get(pair) {
            Some(Job::Finished(before)) => Some(before),
            _ => None,
        };
        if let (
            End::Ready { last_used, .. },
            Some(Finished { end: End::Ready { last_used: before, .. }, .. }),
        ) = (&mut finished.end, before)
        {
            *last_used = (*last_used).max(*before);
        }
        let is_news = before.and_then(|before| before.status(now)) != finished.status(now);
        let status = finished.status(now).filter(|_| is_news);
        self.insert(Arc::clone(pair), Job::Finished(finished));
        if let Some(status) = status {
            self.tell(pair, Some(status));
        }
        self.prune_excess(now);
    }

    /// A job that is built here.
    fn learn_of_build(&mut self, pair: &Arc<Pair>, record: Record) {
        let Some(active) = self.active(pair) else { return };
        let unwanted = !record.wanted && !record.release && !active.is_wanted();
        let Phase::Running(running) = &mut active.phase else { return };
        if record.holder == Holder::This {
            running.lost = None;
            if unwanted {
                running.progress.cancel();
            }
            return;
        }
        // Whoever waits hears at once what another server made.
        if let Some(outcome) = Outcome::of(&record.state) {
            active.outcome.send_replace(Some(outcome));
        }
        lose(running, pair, Some(record));
    }

    /// Puts an active job that is not built here where the ledger says that it is.
    fn settle(&mut self, record: Record, now: Instant) {
        let pair = Arc::clone(&record.pair);
        if let Some(finished) = Finished::of(&record, now) {
            return self.finish(&record, finished, now);
        }
        let Some(Job::Active(active)) = self.jobs.get_mut(&pair) else { return };
        self.load.remove(active);
        (active.release, active.crashes) = (record.release, record.crashes);
        active.asker = record.asker;
        self.load.add(active);
        let before = active.status();
        let same_trouble = active.troubles == record.trouble.as_ref().map_or(0, |it| it.attempts);
        let still_delayed = same_trouble && matches!(active.phase, Phase::Delayed);
        if !same_trouble {
            note_trouble(active, record.trouble.as_ref(), now);
        }
        match (record.holder, &record.trouble) {
            (Holder::Another, _) => {
                let preparing = record.state == RecordState::Preparing;
                let progress = active.progress_elsewhere().filter(|_| preparing);
                self.enter(&pair, Phase::Elsewhere { preparing, progress });
            }
            (Holder::This, _) => {
                // It was claimed for nothing.
                self.enter(&pair, Phase::AWAY);
                drop(self.send(&pair, What::Return));
            }
            (Holder::Nobody, _) if still_delayed => {}
            (Holder::Nobody, Some(trouble)) if !same_trouble && left(trouble) => {
                self.delay(&pair, now + wait(trouble));
            }
            (Holder::Nobody, _) => self.enter(&pair, Phase::Queued),
        }
        let status = self.active(&pair).map(|active| active.status());
        if status.as_ref().map(|status| status.state) != Some(before.state) {
            self.tell(&pair, status);
        }
    }

    /// Another server tells how far it is.
    pub(super) fn hear_progress(&mut self, report: &Report) {
        let Some(active) = self.active(&report.pair) else { return };
        let Phase::Elsewhere { preparing: true, progress } = &mut active.phase else { return };
        *progress = Some((report.stage, report.percent));
        let status = active.status();
        self.tell(&report.pair, Some(status));
    }

    /// An active job that is not built here any more is done: everybody may know.
    fn finish(&mut self, record: &Record, finished: Finished, now: Instant) {
        let pair = &record.pair;
        let Some(active) = self.active(pair) else { return };
        let made_here = matches!(active.phase, Phase::Concluded);
        active.outcome.send_replace(Outcome::of(&record.state));
        self.enter(pair, Phase::AWAY);
        self.tell_of(pair, finished.status(now), made_here);
        self.insert(Arc::clone(pair), Job::Finished(finished));
        self.prune_excess(now);
    }

    /// The ledger has nothing of a job.
    fn learn_end(&mut self, pair: &Arc<Pair>) {
        let Some((pair, job)) = self.jobs.get_key_value(pair) else { return };
        let pair = Arc::clone(pair);
        if let Job::Active(_) = job {
            let Some(active) = self.active(&pair) else { return };
            if let Phase::Running(running) = &mut active.phase {
                return lose(running, &pair, None);
            }
            // Where clients still wait here it was another's full queue that it made room in.
            active.outcome.send_replace(Some(Outcome::Crowded));
            self.enter(&pair, Phase::AWAY);
        }
        self.take_out(&pair);
        self.tell(&pair, None);
    }

    /// A build is over that no longer counted: what the ledger had said since then holds.
    pub(super) fn yield_to(&mut self, pair: &Arc<Pair>, record: Option<Record>, now: Instant) {
        self.enter(pair, Phase::AWAY);
        self.learn(Truth { pair: Arc::clone(pair), record }, now);
    }

    /// Moves an active job from where it is to another place; whether it is told is the caller's matter.
    pub(super) fn enter(&mut self, pair: &Arc<Pair>, phase: Phase) {
        let Some(Job::Active(active)) = self.jobs.get_mut(pair) else { return };
        let fleet = active.fleet.clone();
        let to_queue = matches!(phase, Phase::Queued);
        let has_turn = matches!(phase, Phase::Elsewhere { .. } | Phase::Running(_));
        self.delayed += usize::from(matches!(phase, Phase::Delayed));
        self.running += usize::from(matches!(phase, Phase::Running(_) | Phase::Concluded));
        self.concluded += usize::from(matches!(phase, Phase::Concluded));
        match std::mem::replace(&mut active.phase, phase) {
            Phase::Queued if to_queue => return,
            Phase::Queued if has_turn => self.queue.take(&fleet, pair),
            Phase::Queued => drop(self.queue.remove(&fleet, pair)),
            Phase::Delayed => self.delayed -= 1,
            Phase::Running(_) => self.running -= 1,
            Phase::Concluded => {
                self.running -= 1;
                self.concluded -= 1;
            }
            Phase::Elsewhere { .. } => {}
        }
        if to_queue {
            active.named = None;
            self.queue.push(&fleet, Arc::clone(pair));
        }
        self.relist(pair);
    }

    /// Lets a job wait until then.
    pub(super) fn delay(&mut self, pair: &Arc<Pair>, until: Instant) {
        self.enter(pair, Phase::Delayed);
        if let Some(number) = self.active(pair).map(|active| active.number) {
            self.timers.insert((until, number, Timer::Retry), Arc::clone(pair));
        }
    }
}

/// A build no longer counts: it is told to stop, once.
fn lose(running: &mut Running, pair: &Pair, record: Option<Record>) {
    if running.lost.is_none() {
        tracing::warn!(%pair, "another server has the job that is built here");
    }
    running.progress.cancel();
    running.lost = Some(Box::new(record));
}

fn note_trouble(active: &mut Active, trouble: Option<&Trouble>, now: Instant) {
    let age = |since: SystemTime| SystemTime::now().duration_since(since).unwrap_or_default();
    active.troubles = trouble.map_or(0, |trouble| trouble.attempts);
    active.trouble_since =
        trouble.map(|trouble| now.checked_sub(age(trouble.since)).unwrap_or(now));
    active.trouble = trouble.map(|trouble| trouble.error.clone());
}

fn wait(trouble: &Trouble) -> Duration {
    trouble.until.duration_since(SystemTime::now()).unwrap_or_default()
}

fn left(trouble: &Trouble) -> bool {
    !wait(trouble).is_zero()
}
