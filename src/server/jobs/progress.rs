//! How far a build is, and whether it is to stop.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::progress::{Progress, Stage};

/// Between two reports of one build: fast enough for a bar to move, slow enough for a thousand
/// watchers.
const INTERVAL: Duration = Duration::from_millis(250);

/// All stages, and how much of the whole each is. The shares are those of a middling image on a
/// fast network; they need only be good enough for a bar.
const STAGES: [(Stage, f64); 6] = [
    (Stage::Fetch, 30.0),
    (Stage::Index, 10.0),
    (Stage::Encode, 30.0),
    (Stage::Verify, 20.0),
    (Stage::Push, 10.0),
    // No server unpacks.
    (Stage::Unpack, 0.0),
];

type Tell = Box<dyn Fn(Stage, u8) + Send + Sync>;

/// Receives a build's progress and passes it on now and then; tells the build when to stop.
pub(crate) struct BuildProgress {
    started: Instant,
    expected: [AtomicU64; STAGES.len()],
    done: [AtomicU64; STAGES.len()],
    /// The latest stage that was heard of.
    stage: AtomicU8,
    percent: AtomicU8,
    /// When it was last told, in milliseconds since the start; 0 is never.
    told: AtomicU64,
    tell: Tell,
    cancelled: AtomicBool,
    stop: Notify,
}

impl BuildProgress {
    /// Calls `tell` with the stage and the percentage of the whole.
    pub(crate) fn new(tell: impl Fn(Stage, u8) + Send + Sync + 'static) -> Self {
        BuildProgress {
            started: Instant::now(),
            expected: Default::default(),
            done: Default::default(),
            stage: AtomicU8::new(0),
            percent: AtomicU8::new(0),
            told: AtomicU64::new(0),
            tell: Box::new(tell),
            cancelled: AtomicBool::new(false),
            stop: Notify::new(),
        }
    }

    /// The latest stage.
    pub(super) fn stage(&self) -> Stage {
        STAGES[usize::from(self.stage.load(Ordering::Relaxed))].0
    }

    /// How much is done, 0 to 100. Never goes back.
    pub(super) fn percent(&self) -> u8 {
        self.percent.load(Ordering::Relaxed)
    }

    /// Tells the build to stop.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        // The one who waits may come a moment later; the permit is kept for it.
        self.stop.notify_one();
    }

    /// Waits until the build is to stop. One may wait at a time.
    pub(super) async fn until_cancelled(&self) {
        self.stop.notified().await;
    }

    fn update(&self, stage: Stage) {
        let latest = self.stage.fetch_max(stage as u8, Ordering::Relaxed).max(stage as u8);
        let percent = self.share_done(usize::from(latest));
        let before = self.percent.fetch_max(percent, Ordering::Relaxed);
        let now = self.started.elapsed().as_millis() as u64 + 1;
        let told = self.told.load(Ordering::Relaxed);
        let due = told == 0 || now >= told + INTERVAL.as_millis() as u64;
        let relaxed = Ordering::Relaxed;
        // Whoever changes the time tells; the others were a moment late.
        if due && self.told.compare_exchange(told, now, relaxed, relaxed).is_ok() {
            (self.tell)(self.stage(), percent.max(before));
        }
    }

    /// A stage before the latest of which nothing was heard had nothing to do.
    fn share_done(&self, latest: usize) -> u8 {
        let parts = STAGES.iter().enumerate().map(|(index, (_, share))| {
            let expected = self.expected[index].load(Ordering::Relaxed);
            let done = self.done[index].load(Ordering::Relaxed).min(expected);
            match expected {
                0 if index < latest => *share,
                0 => 0.0,
                _ => share * done as f64 / expected as f64,
            }
        });
        parts.sum::<f64>() as u8
    }
}

impl Progress for BuildProgress {
    fn expect(&self, stage: Stage, units: u64) {
        self.expected[stage as usize].fetch_add(units, Ordering::Relaxed);
        self.update(stage);
    }

    fn advance(&self, stage: Stage, units: u64) {
        self.done[stage as usize].fetch_add(units, Ordering::Relaxed);
        self.update(stage);
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for BuildProgress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BuildProgress")
            .field("stage", &self.stage())
            .field("percent", &self.percent())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn every_stage_has_its_place_and_the_shares_make_a_whole() {
        for (index, (stage, _)) in STAGES.into_iter().enumerate() {
            assert_eq!(stage as usize, index);
        }
        assert_eq!(STAGES.iter().map(|(_, share)| share).sum::<f64>(), 100.0);
    }

    #[test]
    fn the_percentage_never_goes_back_and_ends_at_100() {
        let progress = BuildProgress::new(|_, _| {});
        progress.expect(Stage::Fetch, 100);
        progress.advance(Stage::Fetch, 100);
        assert_eq!(progress.percent(), 30);
        progress.expect(Stage::Fetch, 100);
        assert_eq!(progress.percent(), 30);
        for stage in [Stage::Fetch, Stage::Encode, Stage::Verify, Stage::Push] {
            progress.expect(stage, 100);
        }
        assert_eq!(progress.percent(), 30);
        for stage in [Stage::Fetch, Stage::Encode, Stage::Verify, Stage::Push] {
            progress.advance(stage, 200);
        }
        assert_eq!((progress.percent(), progress.stage()), (100, Stage::Push));
    }

    #[test]
    fn what_comes_fast_is_told_rarely() {
        let told = Arc::new(Mutex::new(0));
        let count = Arc::clone(&told);
        let progress = BuildProgress::new(move |_, _| *count.lock().unwrap() += 1);
        progress.expect(Stage::Fetch, 1_000_000);
        let started = Instant::now();
        for _ in 0..10_000 {
            progress.advance(Stage::Fetch, 1);
        }
        let most = started.elapsed().as_millis() / INTERVAL.as_millis() + 2;
        assert!(*told.lock().unwrap() <= most);
    }
}
