//! What happens to a job from its turn to its end: when it starts, is put off, given up, or done.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::job::{Active, Job, Phase, Running};
use super::ledger::{Candidate, Record, RecordState, Report, Trouble, What};
use super::progress::BuildProgress;
use super::settings::JobSettings;
use super::status::{JobEvent, JobState, JobStatus};
use super::table::{Table, Timer};
use super::writer::Written;
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

/// For how long a server that has trouble with its disk leaves all jobs to others.
const DISK_REST: Duration = Duration::from_secs(15);

/// How many jobs a server names when it asks the ledger for one: others may have taken the first ones.
const CANDIDATES: usize = 8;

impl Table {
    /// The jobs whose turn is next, if there is a place for one. The ledger says which of them is this
    /// server's to build.
    pub(super) fn candidates(&mut self, now: Instant) -> Vec<Candidate> {
        if self.closing || self.running - self.concluded >= self.settings.max_builds {
            return Vec::new();
        }
        if self.rests_until.is_some_and(|until| now < until) {
            return Vec::new();
        }
        let next = self.queue.next(CANDIDATES).into_iter().cloned();
        // What the ledger has not heard of is nobody's to claim.
        let next: Vec<_> = next.filter(|pair| !self.unwritten.contains_key(pair)).collect();
        let is_alone = self.settings.database.is_none();
        let mut ranked: Vec<(u8, Arc<Pair>)> = Vec::with_capacity(next.len());
        for pair in next {
            let is_late = is_alone || self.named(&pair, now) + self.settings.layer_patience <= now;
            let rank = if is_late { 0 } else { 2 - u8::from(self.images.have(&pair)) };
            ranked.push((rank, pair));
        }
        // Jobs of one rank keep their order.
        ranked.sort_by_key(|(rank, _)| *rank);
        let candidate = |(rank, pair)| Candidate { pair, patient: rank == 2 };
        ranked.into_iter().map(candidate).collect()
    }

    /// When this server first had a place for a job.
    fn named(&mut self, pair: &Pair, now: Instant) -> Instant {
        self.active(pair).map_or(now, |active| *active.named.get_or_insert(now))
    }

    /// How far this server is with what it builds.
    pub(super) fn progress(&self) -> Vec<Report> {
        let reports = self.jobs.iter().filter_map(|(pair, job)| match job {
            Job::Active(Active { phase: Phase::Running(running), .. }) if running.started => {
                let progress = &running.progress;
                let (pair, stage) = (Arc::clone(pair), progress.stage());
                Some(Report { pair, stage, percent: progress.percent() })
            }
            _ => None,
        });
        if self.running == 0 { Vec::new() } else { reports.collect() }
    }

    /// The ledger has made this server the holder of a job: its turn begins. A job that no longer waits is
    /// given back.
    pub(super) fn granted(&mut self, record: &Record) -> Option<Turn> {
        let pair = &record.pair;
        let progress = Arc::new(self.progress_of(pair));
        let active = self.active(pair).filter(|active| matches!(active.phase, Phase::Queued));
        let Some(active) = active else {
            drop(self.send(pair, What::Return));
            return None;
        };
        active.crashes = record.crashes;
        let (job, alone) = (active.number, active.crashes >= SUSPICIOUS_CRASHES);
        let fleet = active.fleet.clone();
        let running = Running { progress: Arc::clone(&progress), started: false, lost: None };
        self.enter(pair, Phase::Running(running));
        Some(Turn { pair: Arc::clone(pair), job, fleet, progress, alone })
    }

    fn progress_of(&self, pair: &Arc<Pair>) -> BuildProgress {
        let (events, pair) = (self.events.clone(), Arc::clone(pair));
        BuildProgress::new(move |stage, percent| {
            let mut status = JobStatus::new(JobState::Preparing);
            (status.stage, status.percent) = (Some(stage), Some(percent));
            let pair = Arc::clone(&pair);
            let _ = events.send(JobEvent { pair, status: Some(status), made_here: false });
        })
    }

    /// The job has its memory and begins once that is written down: if the server ends during a build,
    /// the next one knows which it was.
    pub(super) fn started(&mut self, pair: &Arc<Pair>) -> Written {
        self.images.use_for(pair);
        let written = self.send(pair, What::Begin);
        let Some(active) = self.active(pair) else { return written };
        if let Phase::Running(running) = &mut active.phase {
            running.started = true;
        }
        let status = active.status();
        self.relist(pair);
        self.tell(pair, Some(status));
        written
    }

    /// The job was tried. What came of it has to be written down before anybody is told.
    pub(super) fn conclude(
        &mut self,
        pair: &Arc<Pair>,
        result: Result<Built, BuildError>,
        now: Instant,
    ) -> Option<Written> {
        let active = self.active(pair)?;
        let Phase::Running(running) = &mut active.phase else { return None };
        if let Some(lost) = running.lost.take() {
            self.yield_to(pair, *lost, now);
            return None;
        }
        match result {
            Ok(built) => {
                self.count(&built);
                let state = RecordState::Ready { built, last_used: SystemTime::now() };
                Some(self.write_end(pair, state))
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
    ) -> Option<Written> {
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
            _ => return Some(self.write_end(pair, failed(error, &settings))),
        }
        None
    }

    fn write_end(&mut self, pair: &Arc<Pair>, state: RecordState) -> Written {
        self.enter(pair, Phase::Concluded);
        self.send(pair, What::End(state))
    }

    /// The build stopped because it was told to. Somebody may have come meanwhile.
    fn stopped(&mut self, pair: &Arc<Pair>) {
        let closing = self.closing;
        let Some(active) = self.active(pair) else { return };
        if !active.is_wanted() && !closing {
            return self.drop_waiting(pair, What::Unwant);
        }
        self.enter(pair, Phase::Queued);
        drop(self.send(pair, What::Return));
        let status = self.active(pair).map(|active| active.status());
        self.tell(pair, status);
    }

    /// Trouble that may pass: the job waits, longer each time.
    fn put_off(&mut self, pair: &Arc<Pair>, error: BuildError, now: Instant) {
        if error.cause == Blame::Disk && self.settings.database.is_some() {
            // A full server would fail one job after another, sooner than others build them.
            self.rests_until = Some(now + DISK_REST);
        }
        let (first, longest) = (self.settings.first_pause, self.settings.longest_pause);
        let Some(active) = self.active(pair) else { return };
        let pause = first.saturating_mul(2u32.saturating_pow(active.troubles)).min(longest);
        tracing::warn!(job = active.number, ?pause, "job put off: {error}");
        active.troubles += 1;
        let since = *active.trouble_since.get_or_insert(now);
        active.trouble = Some(error.clone());
        let (attempts, wall) = (active.troubles, SystemTime::now());
        let since = wall.checked_sub(now - since).unwrap_or(wall);
        self.delay(pair, now + pause);
        let trouble = Trouble { error, attempts, since, until: wall + pause };
        drop(self.send(pair, What::PutOff(trouble)));
        let status = self.active(pair).map(|active| active.status());
        self.tell(pair, status);
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
            self.enter(pair, Phase::Queued);
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

    /// Nobody here wants a job any more.
    fn give_up(&mut self, pair: &Arc<Pair>) {
        let Some(active) = self.active(pair) else { return };
        active.wished = false;
        match &active.phase {
            Phase::Running(running) => running.progress.cancel(),
            Phase::Concluded => {}
            // Its holder sees that nobody wants it, unless somebody elsewhere does.
            Phase::Elsewhere { .. } => drop(self.send(pair, What::Unwant)),
            Phase::Delayed | Phase::Queued => self.drop_waiting(pair, What::Unwant),
        }
    }

    /// Takes a job out that nobody holds, or this server does. If the ledger keeps the job, for another
    /// server's sake, it comes back from there.
    pub(super) fn drop_waiting(&mut self, pair: &Arc<Pair>, what: What) {
        self.enter(pair, Phase::AWAY);
        self.take_out(pair);
        drop(self.send(pair, what));
        self.tell(pair, None);
    }
}

fn failed(error: BuildError, settings: &JobSettings) -> RecordState {
    let expiry = match error.cause {
        Blame::Missing | Blame::Refused => settings.failure_expiry,
        _ => settings.trouble_expiry,
    };
    RecordState::Failed { error, expires: SystemTime::now() + expiry }
}
