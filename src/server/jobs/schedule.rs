//! What happens to a job from its turn to its end: when it starts, is put off, given up, or done.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::job::{End, Finished, Job, Phase};
use super::outcome::Outcome;
use super::progress::BuildProgress;
use super::record::RecordState;
use super::status::{JobEvent, JobState, JobStatus};
use super::table::{Table, Timer};
use super::writer::{Claimed, Written};
use crate::server::build::{Blame, BuildError, Built, BuiltPlace};
use crate::server::pair::Pair;

/// A job that was running each time the server ended without warning may be why: it runs alone.
const SUSPICIOUS_CRASHES: u32 = 3;

/// A job whose turn it is.
pub(super) struct Turn {
    pub(super) pair: Arc<Pair>,
    pub(super) job: u64,
    pub(super) fleet: String,
    pub(super) progress: Arc<BuildProgress>,
    /// It is to have all the memory there is.
    pub(super) alone: bool,
}

impl Table {
    /// The next job, if there is one and a place for it.
    pub(super) fn next_turn(&mut self) -> Option<Turn> {
        if self.closing || self.running >= self.settings.max_builds {
            return None;
        }
        let pair = self.queue.pop()?;
        let progress = Arc::new(self.progress_of(&pair));
        let active = self.active(&pair)?;
        active.phase = Phase::Running { progress: Arc::clone(&progress), started: false };
        let (job, alone) = (active.number, active.crashes >= SUSPICIOUS_CRASHES);
        let fleet = active.fleet.clone();
        self.running += 1;
        Some(Turn { pair, job, fleet, progress, alone })
    }

    fn progress_of(&self, pair: &Arc<Pair>) -> BuildProgress {
        let (events, pair) = (self.events.clone(), Arc::clone(pair));
        BuildProgress::new(move |stage, percent| {
            let mut status = JobStatus::new(JobState::Preparing);
            (status.stage, status.percent) = (Some(stage), Some(percent));
            let _ = events.send(JobEvent { pair: Arc::clone(&pair), status: Some(status) });
        })
    }

    /// The job has its memory and begins, if the claim is granted.
    pub(super) fn started(&mut self, pair: &Arc<Pair>) -> Claimed {
        let claimed = self.writer.claim(Arc::clone(pair));
        let Some(active) = self.active(pair) else { return claimed };
        if let Phase::Running { started, .. } = &mut active.phase {
            *started = true;
        }
        let status = active.status();
        self.tell(pair, Some(status));
        claimed
    }

    /// Another server has the job: what comes of it is that server's to say, and whoever waits here
    /// asks again.
    pub(super) fn lost(&mut self, pair: &Arc<Pair>) {
        self.running -= 1;
        if let Some(active) = self.active(pair) {
            active.outcome.send_replace(Some(Outcome::Parked));
        }
        self.take_out(pair);
        self.tell(pair, None);
    }

    /// The job was tried. If that is its end, it has to be written down before anybody is told:
    /// then [`finish`](Self::finish).
    pub(super) fn conclude(
        &mut self,
        pair: &Arc<Pair>,
        result: Result<Built, BuildError>,
        now: Instant,
    ) -> Option<(Written, End)> {
        match result {
            Ok(built) => {
                self.count(&built);
                self.write_end(pair, ready(built), now)
            }
            Err(error) => {
                let place = Blame::ALL.iter().position(|cause| *cause == error.cause)?;
                self.counts.failed[place] += 1;
                self.conclude_failure(pair, error, now)
            }
        }
    }

    fn count(&mut self, built: &Built) {
        match built.place {
            BuiltPlace::NotWorth => self.counts.not_worth += 1,
            BuiltPlace::Tag { .. } | BuiltPlace::File { .. } => self.counts.made += 1,
        }
    }

    fn conclude_failure(
        &mut self,
        pair: &Arc<Pair>,
        error: BuildError,
        now: Instant,
    ) -> Option<(Written, End)> {
        let settings = self.settings.clone();
        let closing = self.closing;
        let active = self.active(pair)?;
        let patience = if active.release { settings.release_retry_for } else { settings.retry_for };
        let since = active.trouble_since.unwrap_or(now);
        match error.cause {
            Blame::Cancelled => self.stopped(pair),
            cause if cause.may_pass() && (closing || now - since < patience) => {
                self.put_off(pair, error, now);
            }
            _ => return self.write_end(pair, failed(error, &settings, now), now),
        }
        None
    }

    fn write_end(&mut self, pair: &Arc<Pair>, end: End, now: Instant) -> Option<(Written, End)> {
        let active = self.active(pair)?;
        active.phase = Phase::Concluded(end.record_state(now));
        let record = active.record(pair);
        Some((self.writer.save(record), end))
    }

    /// The end is written down: everybody may know.
    pub(super) fn finish(&mut self, pair: &Arc<Pair>, end: End, now: Instant) {
        let Some(active) = self.active(pair) else { return };
        let finished = Finished { fleet: active.fleet.clone(), release: active.release, end };
        if let Some(outcome) = finished.outcome(now) {
            active.outcome.send_replace(Some(outcome));
        }
        self.running -= 1;
        self.tell(pair, finished.status(now));
        self.insert(Arc::clone(pair), Job::Finished(finished));
        if self.counts.remembered > self.settings.max_remembered {
            self.prune(now);
        }
    }

    /// The build stopped because it was told to. Somebody may have come meanwhile.
    fn stopped(&mut self, pair: &Arc<Pair>) {
        self.running -= 1;
        let closing = self.closing;
        let Some(active) = self.active(pair) else { return };
        if !active.is_wanted() && !closing {
            drop(self.remove(pair));
            self.tell(pair, None);
            return;
        }
        active.phase = Phase::Queued;
        let (record, status, fleet) = (active.record(pair), active.status(), active.fleet.clone());
        self.note(record);
        self.tell(pair, Some(status));
        self.queue.push(&fleet, Arc::clone(pair));
    }

    /// Trouble that may pass: the job waits, longer each time.
    fn put_off(&mut self, pair: &Arc<Pair>, error: BuildError, now: Instant) {
        self.running -= 1;
        self.delayed += 1;
        let (first, longest) = (self.settings.first_pause, self.settings.longest_pause);
        let Some(active) = self.active(pair) else { return };
        let pause = first.saturating_mul(2u32.saturating_pow(active.troubles));
        let until = now + pause.min(longest);
        tracing::warn!(job = active.number, pause = ?until - now, "job put off: {error}");
        active.troubles += 1;
        active.trouble_since.get_or_insert(now);
        active.trouble = Some(error);
        active.phase = Phase::Delayed;
        let (record, status, number) = (active.record(pair), active.status(), active.number);
        self.timers.insert((until, number, Timer::Retry), Arc::clone(pair));
        self.note(record);
        self.tell(pair, Some(status));
    }

    /// Does what is due, and says when something is due next.
    pub(super) fn run_timers(&mut self, now: Instant) -> Option<Instant> {
        loop {
            let entry = self.timers.first_entry()?;
            let (time, job, timer) = *entry.key();
            if time > now {
                return Some(time);
            }
            let pair = entry.remove();
            match timer {
                Timer::Retry => self.retry(&pair, job),
                Timer::Idle => self.check_idle(&pair, job, now),
            }
        }
    }

    fn retry(&mut self, pair: &Arc<Pair>, job: u64) {
        let Some(active) = self.active(pair).filter(|active| active.number == job) else { return };
        if let Phase::Delayed = active.phase {
            active.phase = Phase::Queued;
            let fleet = active.fleet.clone();
            self.delayed -= 1;
            self.queue.push(&fleet, Arc::clone(pair));
        }
    }

    fn check_idle(&mut self, pair: &Arc<Pair>, job: u64, now: Instant) {
        let grace = self.settings.grace;
        let Some(active) = self.active(pair).filter(|active| active.number == job) else { return };
        active.watched = false;
        let Some(since) = active.idle_since.filter(|_| !active.is_wanted()) else { return };
        if since + grace > now {
            active.watched = true;
            self.timers.insert((since + grace, job, Timer::Idle), Arc::clone(pair));
        } else {
            tracing::info!(job, "job given up: nobody waits for it");
            self.give_up(pair);
        }
    }

    /// Ends a job that is not to go on.
    pub(super) fn give_up(&mut self, pair: &Arc<Pair>) {
        let Some(active) = self.active(pair) else { return };
        match &active.phase {
            Phase::Running { progress, .. } => return progress.cancel(),
            Phase::Concluded(_) => return,
            Phase::Delayed => self.delayed -= 1,
            Phase::Queued => {
                let fleet = active.fleet.clone();
                self.queue.remove(&fleet, pair);
            }
        }
        drop(self.remove(pair));
        self.tell(pair, None);
    }
}

impl End {
    /// As the disk has it.
    pub(super) fn record_state(&self, now: Instant) -> RecordState {
        match self {
            End::Ready { built, last_used, .. } => {
                RecordState::Ready { built: built.clone(), last_used: *last_used }
            }
            End::Failed { error, until } => RecordState::Failed {
                error: error.clone(),
                expires: SystemTime::now() + until.saturating_duration_since(now),
            },
        }
    }
}

fn ready(built: Built) -> End {
    let now = SystemTime::now();
    End::Ready { built, last_used: now, saved_use: now }
}

fn failed(error: BuildError, settings: &super::JobSettings, now: Instant) -> End {
    let expiry = match error.cause {
        Blame::Missing | Blame::Refused => settings.failure_expiry,
        _ => settings.trouble_expiry,
    };
    End::Failed { error, until: now + expiry }
}
