//! What is counted.

use remora::server::simulation::{Counts, Made, Traffic};

use crate::costs::{LONG_POLL, WISH_RENEWAL};
use crate::devices::{DAY, Time};

/// How many waited how long, to a tenth of a second.
#[derive(Debug, Default)]
pub(crate) struct Waits(Vec<u64>);

impl Waits {
    pub(crate) fn add(&mut self, seconds: f64, count: u64) {
        let place = (seconds * 10.0) as usize;
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        self.0[place] += count;
    }

    /// What this share of all waited at most.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let all: u64 = self.0.iter().sum();
        let mut left = (all as f64 * share).ceil() as u64;
        for (place, count) in self.0.iter().enumerate() {
            left = left.saturating_sub(*count);
            if left == 0 {
                return place as f64 / 10.0;
            }
        }
        0.0
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// One minute of the installation.
#[derive(Debug, Default, Clone, Copy)]
struct Minute {
    /// Questions that were not held before.
    asks: u64,
    /// Devices that began to be held, less those that ended to be.
    held: i64,
    /// Rows of the ledger that were written.
    rows: u64,
    running: usize,
}

#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) waits: Waits,
    /// How long releases were kept back for their deltas.
    pub(crate) held_back: Waits,
    minutes: Vec<Minute>,
    before: Traffic,
    pub(crate) traffic: Traffic,
    /// Rows that say that a wish goes on.
    pub(crate) wishes: u64,
    /// Rows that say that a delta was used.
    pub(crate) uses: u64,
    /// Answers 503.
    pub(crate) refused: u64,
    pub(crate) builds: u64,
    /// Deltas that a server no longer remembered: the ledger told.
    pub(crate) looked_up: u64,
    pub(crate) build_seconds: f64,
    pub(crate) registry_bytes: u64,
    pub(crate) device_bytes: u64,
    pub(crate) saved_bytes: u64,
    pub(crate) longest_queue: usize,
    pub(crate) remembered: usize,
    days: f64,
}

impl Figures {
    pub(crate) fn new(days: u32) -> Self {
        let minutes = vec![Minute::default(); days as usize * 24 * 60];
        Figures {
            waits: Waits::default(),
            held_back: Waits::default(),
            minutes,
            before: Traffic::default(),
            traffic: Traffic::default(),
            wishes: 0,
            uses: 0,
            refused: 0,
            builds: 0,
            looked_up: 0,
            build_seconds: 0.0,
            registry_bytes: 0,
            device_bytes: 0,
            saved_bytes: 0,
            longest_queue: 0,
            remembered: 0,
            days: f64::from(days),
        }
    }

    fn at(&mut self, time: Time) -> &mut Minute {
        let minute = (time / 60.0) as usize;
        if self.minutes.len() <= minute {
            self.minutes.resize(minute + 1, Minute::default());
        }
        &mut self.minutes[minute]
    }

    pub(crate) fn ask(&mut self, now: Time, count: u64) {
        self.at(now).asks += count;
    }

    /// Devices were held from then until now, and asked again whenever their time was over.
    pub(crate) fn waited(&mut self, since: Time, now: Time, count: u64) {
        self.at(since).held += count as i64;
        self.at(now).held -= count as i64;
    }

    /// Devices have their answer.
    pub(crate) fn ready(&mut self, waited: Time, count: u64, bytes: u64, pull: u64) {
        self.waits.add(waited, count);
        self.device_bytes += bytes * count;
        self.saved_bytes += pull.saturating_sub(bytes) * count;
    }

    pub(crate) fn built(&mut self, made: Made) {
        self.build_seconds += made.seconds;
        self.builds += 1;
        self.registry_bytes += 2 * made.pull_bytes + made.bytes;
    }

    /// A minute is over.
    pub(crate) fn minute(
        &mut self,
        now: Time,
        server: Counts,
        traffic: Traffic,
        wished: usize,
        running: usize,
    ) {
        let wishes = (wished as f64 * 60.0 / WISH_RENEWAL) as u64;
        let rows = traffic.changes - self.before.changes + wishes;
        self.before = traffic;
        self.traffic = traffic;
        self.wishes += wishes;
        let minute = self.at(now);
        (minute.rows, minute.running) = (rows, running);
        self.longest_queue = self.longest_queue.max(server.queued);
        self.remembered = self.remembered.max(server.remembered);
    }

    pub(crate) fn per_day(&self, count: u64) -> f64 {
        count as f64 / self.days
    }

    /// Devices that are held at a time, at most.
    pub(crate) fn most_held(&self) -> f64 {
        self.held().fold(0.0, f64::max)
    }

    fn held(&self) -> impl Iterator<Item = f64> {
        self.minutes.iter().scan(0i64, |held, minute| {
            *held += minute.held;
            Some(*held as f64)
        })
    }

    /// Requests a second in the busiest minute: questions, and those of held devices that ask again.
    pub(crate) fn most_requests(&self) -> f64 {
        let held = self.held();
        let requests = self.minutes.iter().zip(held);
        let requests = requests.map(|(minute, held)| minute.asks as f64 / 60.0 + held / LONG_POLL);
        requests.fold(0.0, f64::max)
    }

    /// Requests of a day.
    pub(crate) fn requests(&self) -> f64 {
        let asks: u64 = self.minutes.iter().map(|minute| minute.asks).sum();
        let held: f64 = self.held().map(|held| held * 60.0 / LONG_POLL).sum();
        (asks as f64 + held) / self.days
    }

    /// Rows a second in the busiest minute.
    pub(crate) fn most_rows(&self) -> f64 {
        self.minutes.iter().map(|minute| minute.rows).max().unwrap_or(0) as f64 / 60.0
    }

    /// Builds at once in the busiest hour, in the mean.
    pub(crate) fn most_running(&self) -> f64 {
        let mean = |hour: &[Minute]| {
            hour.iter().map(|minute| minute.running).sum::<usize>() as f64 / hour.len() as f64
        };
        self.minutes.chunks(60).map(mean).fold(0.0, f64::max)
    }

    /// How long it went on after the last day, in hours.
    pub(crate) fn overtime(&self) -> f64 {
        (self.minutes.len() as f64 * 60.0 / DAY - self.days).max(0.0) * 24.0
    }
}
