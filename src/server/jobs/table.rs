//! All jobs in memory, a mirror of the ledger with what is this server's alone: who waits here, what
//! is built here.
//!
//! What is asked of a job goes to the ledger as a change, in the order in which it happens here; what
//! the ledger makes of it comes back as its truth (`mirror.rs`). Nothing here waits.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::job::{Active, End, Job, Phase};
use super::kept_images::KeptImages;
use super::ledger::{Change, What};
use super::listing::Listing;
use super::load::Load;
use super::outcome::Outcome;
use super::queue::FairQueue;
use super::settings::JobSettings;
use super::status::{JobCounts, JobEvent, JobStatus, Origin};
use super::writer::{Writer, Written};
use crate::server::pair::Pair;

/// How exactly the ledger knows when a delta was last asked for. It decides what is forgotten after
/// weeks; a write for every request would cost more than it is worth.
const USE_PRECISION: Duration = Duration::from_secs(600);

/// For so long after the last one left nobody has to tell the ledger that another one came: nobody's
/// wish is forgotten that soon.
const WISH_PRECISION: Duration = Duration::from_secs(5);

/// Events that a watcher may be behind before it loses some.
const EVENTS: usize = 1024;

pub(super) struct Table {
    pub(super) settings: JobSettings,
    pub(super) jobs: HashMap<Arc<Pair>, Job>,
    pub(super) queue: FairQueue<Arc<Pair>>,
    pub(super) timers: BTreeMap<(Instant, u64, Timer), Arc<Pair>>,
    /// Jobs that wait for their time to try again.
    pub(super) delayed: usize,
    /// Jobs that are built here.
    pub(super) running: usize,
    /// Those of them that are over, and wait for the ledger to have them.
    pub(super) concluded: usize,
    pub(super) closing: bool,
    pub(super) counts: JobCounts,
    pub(super) load: Load,
    pub(super) listing: Listing,
    pub(super) writer: Writer,
    pub(super) events: broadcast::Sender<JobEvent>,
    /// The last change of each pair that the ledger does not have yet. Until then what the ledger says
    /// of the pair is older than what is here.
    pub(super) unwritten: HashMap<Arc<Pair>, u64>,
    /// The images whose layers are here.
    pub(super) images: KeptImages,
    /// Until when jobs are left to servers whose disks are well.
    pub(super) rests_until: Option<Instant>,
    last_number: u64,
    last_change: u64,
}

/// What a job is to be looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// It may try again.
    Retry,
    /// Perhaps nobody has waited for too long.
    Idle,
}

/// What comes of asking.
pub(super) enum Asked {
    /// It was done before.
    Known(Outcome),
    /// It waits or runs.
    Joined {
        pair: Arc<Pair>,
        job: u64,
        outcome: watch::Receiver<Option<Outcome>>,
        /// The promise that it will be done, if one is made.
        promise: Option<Written>,
    },
    /// No room, or the fleet or the caller has as much as it may.
    Full,
}

impl Table {
    pub(super) fn new(settings: JobSettings, writer: Writer) -> Self {
        Table {
            settings,
            jobs: HashMap::new(),
            queue: FairQueue::default(),
            timers: BTreeMap::new(),
            delayed: 0,
            running: 0,
            concluded: 0,
            closing: false,
            counts: JobCounts::default(),
            load: Load::default(),
            listing: Listing::default(),
            writer,
            events: broadcast::Sender::new(EVENTS),
            unwritten: HashMap::new(),
            images: KeptImages::default(),
            rests_until: None,
            last_number: 0,
            last_change: 0,
        }
    }

    pub(super) fn ask(&mut self, pair: Pair, origin: Origin, now: Instant) -> Asked {
        match self.jobs.get(&pair) {
            _ if self.closing => return Asked::Known(Outcome::Parked),
            Some(Job::Finished(finished)) => {
                if let Some(outcome) = finished.outcome(now) {
                    self.touch(&pair);
                    return Asked::Known(outcome);
                }
            }
            Some(Job::Active(_)) => return self.join(&pair, &origin, now),
            None => {}
        }
        match self.admit(&origin) {
            true => self.add(Arc::new(pair), origin),
            false => Asked::Full,
        }
    }

    fn join(&mut self, pair: &Pair, origin: &Origin, now: Instant) -> Asked {
        let Some((pair, Job::Active(active))) = entry(&mut self.jobs, pair) else {
            return Asked::Known(Outcome::Parked);
        };
        let stale = active.idle_since.is_some_and(|since| now - since > WISH_PRECISION);
        let is_news = stale || !active.wished;
        active.waiters += 1;
        (active.idle_since, active.wished) = (None, true);
        if origin.release && !active.release {
            self.load.remove(active);
            (active.release, active.asker) = (true, origin.asker.clone());
            self.load.add(active);
        }
        self.counts.waiters += 1;
        tracing::debug!(job = active.number, "waits for a job that is under way");
        let (job, outcome) = (active.number, active.outcome.subscribe());
        let fleet = active.fleet.clone();
        let promise = (origin.release || is_news)
            .then(|| self.want(&pair, fleet, origin))
            .filter(|_| origin.release);
        Asked::Joined { job, outcome, promise, pair }
    }

    fn add(&mut self, pair: Arc<Pair>, origin: Origin) -> Asked {
        let mut active = self.new_active(origin.fleet.clone());
        (active.asker, active.release) = (origin.asker.clone(), origin.release);
        (active.waiters, active.wished) = (1, true);
        self.counts.waiters += 1;
        tracing::info!(job = active.number, %pair, fleet = active.fleet, "job queued");
        let asked = Asked::Joined {
            pair: Arc::clone(&pair),
            job: active.number,
            outcome: active.outcome.subscribe(),
            promise: Some(self.want(&pair, origin.fleet.clone(), &origin)),
        };
        self.tell(&pair, Some(active.status()));
        self.queue.push(&active.fleet, Arc::clone(&pair));
        self.insert(pair, Job::Active(active));
        asked
    }

    fn want(&mut self, pair: &Arc<Pair>, fleet: String, origin: &Origin) -> Written {
        let (asker, release) = (origin.asker.clone(), origin.release);
        self.send(pair, What::Want { fleet, asker, release })
    }

    pub(super) fn new_active(&mut self, fleet: String) -> Active {
        self.last_number += 1;
        Active::new(self.last_number, fleet)
    }

    /// One who waited for the job does not any more.
    pub(super) fn left(&mut self, pair: &Pair, job: u64, now: Instant) {
        self.counts.waiters -= 1;
        let Some((pair, Job::Active(active))) = entry(&mut self.jobs, pair) else { return };
        if active.number != job {
            return;
        }
        active.waiters -= 1;
        if active.is_wanted() {
            return;
        }
        active.idle_since = Some(now);
        if !active.watched {
            active.watched = true;
            self.timers.insert((now + self.settings.grace, job, Timer::Idle), pair);
        }
    }

    /// Whether asking for `pair` would make no new job.
    pub(super) fn knows(&self, pair: &Pair, now: Instant) -> bool {
        match self.jobs.get(pair) {
            Some(Job::Finished(finished)) => finished.outcome(now).is_some(),
            Some(Job::Active(_)) => true,
            None => self.closing,
        }
    }

    pub(super) fn status(&self, pair: &Pair, now: Instant) -> Option<JobStatus> {
        let (pair, job) = self.jobs.get_key_value(pair)?;
        match job {
            Job::Finished(finished) => finished.status(now),
            Job::Active(active) => {
                let mut status = active.status();
                if matches!(active.phase, Phase::Queued) {
                    let position = self.queue.position(&active.fleet, pair);
                    status.position = position.map(|position| position as u64);
                }
                Some(status)
            }
        }
    }

    pub(super) fn counts(&self) -> JobCounts {
        let queued = self.queue.len() + self.delayed;
        JobCounts { queued, running: self.running, ..self.counts }
    }

    /// The jobs that somebody waits for here.
    pub(super) fn wanted(&self) -> Vec<Arc<Pair>> {
        let wanted = self.jobs.iter().filter(|(_, job)| match job {
            Job::Active(active) => active.wished && active.waiters > 0,
            Job::Finished(_) => false,
        });
        wanted.map(|(pair, _)| Arc::clone(pair)).collect()
    }

    /// Somebody asked for what is ready.
    fn touch(&mut self, pair: &Pair) {
        let Some((pair, Job::Finished(finished))) = entry(&mut self.jobs, pair) else { return };
        let End::Ready { last_used, saved_use, .. } = &mut finished.end else { return };
        *last_used = SystemTime::now();
        if last_used.duration_since(*saved_use).is_ok_and(|age| age >= USE_PRECISION) {
            *saved_use = *last_used;
            drop(self.send(&pair, What::Use));
        }
    }

    /// Puts a job into the table in place of what was there.
    pub(super) fn insert(&mut self, pair: Arc<Pair>, job: Job) {
        match &job {
            Job::Finished(_) => self.counts.remembered += 1,
            Job::Active(active) => self.load.add(active),
        }
        let before = self.jobs.insert(Arc::clone(&pair), job);
        self.uncount(before);
        self.relist(&pair);
    }

    /// Takes a job out of the table.
    pub(super) fn take_out(&mut self, pair: &Arc<Pair>) {
        let before = self.jobs.remove(pair);
        self.uncount(before);
        self.relist(pair);
    }

    fn uncount(&mut self, before: Option<Job>) {
        match before {
            Some(Job::Finished(_)) => self.counts.remembered -= 1,
            Some(Job::Active(active)) => self.load.remove(&active),
            None => {}
        }
    }

    pub(super) fn active(&mut self, pair: &Pair) -> Option<&mut Active> {
        match self.jobs.get_mut(pair)? {
            Job::Active(active) => Some(active),
            Job::Finished(_) => None,
        }
    }

    /// Has a change written down.
    pub(super) fn send(&mut self, pair: &Arc<Pair>, what: What) -> Written {
        self.last_change += 1;
        self.unwritten.insert(Arc::clone(pair), self.last_change);
        self.writer.change(Change { pair: Arc::clone(pair), what }, self.last_change)
    }

    pub(super) fn tell(&self, pair: &Arc<Pair>, status: Option<JobStatus>) {
        self.tell_of(pair, status, false);
    }

    /// Tells what has become of a job; `made_here`: this server is the one that built it.
    pub(super) fn tell_of(&self, pair: &Arc<Pair>, status: Option<JobStatus>, made_here: bool) {
        // Without watchers nobody hears it.
        let _ = self.events.send(JobEvent { pair: Arc::clone(pair), status, made_here });
    }
}

/// The job of a pair, with the pair as the table shares it.
fn entry<'a>(
    jobs: &'a mut HashMap<Arc<Pair>, Job>,
    pair: &Pair,
) -> Option<(Arc<Pair>, &'a mut Job)> {
    let shared = Arc::clone(jobs.get_key_value(pair)?.0);
    let job = jobs.get_mut(pair)?;
    Some((shared, job))
}
