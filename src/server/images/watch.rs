//! How long a build may take, and how slowly its bytes may come: a registry that stalls, or drips,
//! must not hold a place for builds that others wait for.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::progress::{Progress, Stage};
use crate::server::build::{Blame, BuildError};

/// What a build is held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// How long all of it may take.
    pub(super) time: Duration,
    /// The time over which the rate is looked at.
    pub(super) window: Duration,
    /// Bytes a second that come or go at least, on the average of a window.
    pub(super) rate: u64,
}

impl Budget {
    /// A build's: hours are enough for the largest images on the smallest boards, and a rate that no
    /// network which serves devices falls below.
    pub(super) const BUILD: Budget = Budget {
        time: Duration::from_secs(3 * 3600),
        window: Duration::from_secs(60),
        rate: 2 << 10,
    };

    /// That of manifests and configs, which come before a build is even planned.
    pub(super) const OPEN: Budget = Budget { time: Duration::from_secs(60), ..Budget::BUILD };
}

/// Why a build was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It took too long altogether.
    Time,
    /// The registry gave, or took, too little.
    Rate,
}

/// Passes a build's progress on, and tells it to stop when it is out of its budget.
pub(super) struct Watch<'a> {
    inner: &'a dyn Progress,
    budget: Budget,
    started: Instant,
    /// Bytes that are to come or to go, and that have.
    expected: AtomicU64,
    moved: AtomicU64,
    /// Whether layers come in, or blobs go out, at this stage.
    on_network: AtomicBool,
    /// When the window began, in milliseconds since the start, and what had moved by then.
    window_start: AtomicU64,
    window_moved: AtomicU64,
    verdict: OnceLock<Verdict>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(inner: &'a dyn Progress, budget: Budget) -> Self {
        Watch {
            inner,
            budget,
            started: Instant::now(),
            expected: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            on_network: AtomicBool::new(false),
            window_start: AtomicU64::new(0),
            window_moved: AtomicU64::new(0),
            verdict: OnceLock::new(),
        }
    }

    /// What is to be said instead of `error` where the build was stopped here.
    pub(super) fn explain(&self, error: BuildError) -> BuildError {
        let Budget { time, window, rate } = self.budget;
        match self.verdict.get() {
            Some(Verdict::Rate) => BuildError {
                cause: Blame::Registry,
                message: format!(
                    "the registry moved less than {rate} bytes a second for {} s",
                    window.as_secs()
                ),
            },
            Some(Verdict::Time) if error.cause == Blame::Cancelled => BuildError {
                cause: Blame::Registry,
                message: format!("it was not done after {} s", time.as_secs()),
            },
            _ => error,
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Begins a window.
    fn mark(&self) {
        self.window_moved.store(self.moved.load(Ordering::Relaxed), Ordering::Relaxed);
        self.window_start.store(self.now(), Ordering::Relaxed);
    }

    fn judge(&self) -> Option<Verdict> {
        if self.started.elapsed() > self.budget.time {
            return Some(Verdict::Time);
        }
        let moved = self.moved.load(Ordering::Relaxed);
        let waits = moved < self.expected.load(Ordering::Relaxed);
        if !waits || !self.on_network.load(Ordering::Relaxed) {
            return None;
        }
        let window = self.budget.window;
        let since = self.now().saturating_sub(self.window_start.load(Ordering::Relaxed));
        if u128::from(since) < window.as_millis() {
            return None;
        }
        let in_window = moved.saturating_sub(self.window_moved.load(Ordering::Relaxed));
        self.mark();
        (in_window < self.budget.rate * window.as_secs()).then_some(Verdict::Rate)
    }
}

impl Progress for Watch<'_> {
    fn expect(&self, stage: Stage, units: u64) {
        let on_network = matches!(stage, Stage::Fetch | Stage::Push);
        if on_network {
            if !self.on_network.swap(true, Ordering::Relaxed) {
                // What came before may have been a read less than was expected.
                self.expected.store(self.moved.load(Ordering::Relaxed), Ordering::Relaxed);
                self.mark();
            }
            self.expected.fetch_add(units, Ordering::Relaxed);
        } else {
            self.on_network.store(false, Ordering::Relaxed);
        }
        self.inner.expect(stage, units);
    }

    fn advance(&self, stage: Stage, units: u64) {
        if matches!(stage, Stage::Fetch | Stage::Push) {
            self.moved.fetch_add(units, Ordering::Relaxed);
        } else {
            self.on_network.store(false, Ordering::Relaxed);
        }
        self.inner.advance(stage, units);
    }

    fn cancelled(&self) -> bool {
        if self.inner.cancelled() || self.verdict.get().is_some() {
            return true;
        }
        match self.judge() {
            Some(verdict) => {
                let _ = self.verdict.set(verdict);
                true
            }
            None => false,
        }
    }

    fn note(&self, line: &str) {
        self.inner.note(line);
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;
    use crate::progress::Silent;

    const SECOND: Duration = Duration::from_secs(1);
    const QUICK: Budget = Budget { time: Duration::from_secs(60), window: SECOND, rate: 1000 };

    fn cancelled() -> BuildError {
        BuildError { cause: Blame::Cancelled, message: "as asked".to_owned() }
    }

    #[test]
    fn bytes_that_come_too_slowly_end_a_build_and_are_the_registrys_fault() {
        for stage in [Stage::Fetch, Stage::Push] {
            let watch = Watch::new(&Silent, QUICK);
            watch.expect(stage, 1_000_000);
            assert!(!watch.cancelled());
            sleep(SECOND);
            watch.advance(stage, 500);
            assert!(watch.cancelled());
            let error = watch.explain(cancelled());
            assert_eq!(error.cause, Blame::Registry);
            assert_eq!(error.message, "the registry moved less than 1000 bytes a second for 1 s");
        }
    }

    #[test]
    fn a_build_that_goes_on_or_computes_is_left_alone() {
        let fast = Watch::new(&Silent, QUICK);
        fast.expect(Stage::Fetch, 1_000_000);
        fast.advance(Stage::Fetch, 2_000);
        let computing = Watch::new(&Silent, QUICK);
        computing.expect(Stage::Fetch, 1_000_000);
        computing.advance(Stage::Fetch, 900_000);
        computing.expect(Stage::Encode, 1);
        let done = Watch::new(&Silent, QUICK);
        done.expect(Stage::Push, 10);
        done.advance(Stage::Push, 10);
        sleep(SECOND);
        assert!(!fast.cancelled() && !computing.cancelled() && !done.cancelled());
        assert_eq!(fast.explain(cancelled()).cause, Blame::Cancelled);
    }

    #[test]
    fn a_build_has_an_end_whatever_it_does() {
        let watch = Watch::new(&Silent, Budget { time: Duration::ZERO, ..QUICK });
        sleep(Duration::from_millis(2));
        assert!(watch.cancelled());
        assert_eq!(watch.explain(cancelled()).message, "it was not done after 0 s");
        assert_eq!(watch.explain(cancelled()).cause, Blame::Registry);
    }
}
