//! What a piece of work took: seconds and memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::progress::Progress;

/// Often enough to see an index being built, rarely enough to cost nothing.
const INTERVAL: Duration = Duration::from_millis(10);

/// Watches the process from when it is made.
#[derive(Debug)]
pub(crate) struct Measure {
    started: Instant,
    watched: bool,
    shared: Arc<Shared>,
    sampler: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    peak: AtomicU64,
    stop: AtomicBool,
}

impl Measure {
    /// Begins now. Memory is looked at only if `progress` wants to know of it.
    pub(crate) fn start(progress: &dyn Progress) -> Self {
        let shared = Arc::new(Shared::default());
        if !progress.measures_memory() {
            return Measure { started: Instant::now(), watched: false, shared, sampler: None };
        }
        shared.sample();
        let watched = Arc::clone(&shared);
        let sampler = thread::Builder::new().name("memory".into()).spawn(move || {
            while !watched.stop.load(Ordering::Relaxed) {
                watched.sample();
                thread::park_timeout(INTERVAL);
            }
        });
        // If the thread can't be started, the figures are those of start and end.
        Measure { started: Instant::now(), watched: true, shared, sampler: sampler.ok() }
    }

    /// Wall time so far, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// The most anonymous memory that the whole process had resident since the start, in bytes,
    /// looked at every 10 ms; mapped files don't count. `None` if nobody wants to know, or the system
    /// doesn't say.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        if self.watched {
            self.shared.sample();
        }
        Some(self.shared.peak.load(Ordering::Relaxed)).filter(|&peak| peak > 0)
    }
}

impl Drop for Measure {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(sampler) = self.sampler.take() {
            sampler.thread().unpark();
            let _ = sampler.join();
        }
    }
}

impl Shared {
    fn sample(&self) {
        if let Some(bytes) = anonymous_memory() {
            self.peak.fetch_max(bytes, Ordering::Relaxed);
        }
    }
}

/// `RssAnon` of this process (proc(5), `/proc/pid/status`), in bytes.
fn anonymous_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::progress::{Silent, Stage};

    /// Tells the test that nothing else runs in its process.
    const ALONE: &str = "REMORA_TEST_ALONE";

    #[test]
    fn memory_that_was_touched_is_seen() {
        if std::env::var_os(ALONE).is_some() {
            return touch_memory();
        }
        // The figure is that of the whole process, and what other tests free meanwhile would
        // count against it.
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "measure::tests::memory_that_was_touched_is_seen", "--nocapture"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        let complaint = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{said}{complaint}");
        assert!(said.contains("1 passed"), "the child ran no test: {said}");
    }

    /// Wants to know of memory.
    struct Curious;

    impl Progress for Curious {
        fn expect(&self, _stage: Stage, _units: u64) {}
        fn advance(&self, _stage: Stage, _units: u64) {}
        fn measures_memory(&self) -> bool {
            true
        }
    }

    #[test]
    fn nobody_who_does_not_ask_pays_for_a_thread() {
        let measure = Measure::start(&Silent);
        assert!(measure.sampler.is_none());
        assert_eq!(measure.peak_memory(), None);
    }

    fn touch_memory() {
        let measure = Measure::start(&Curious);
        let before = measure.peak_memory().expect("linux");
        let block = vec![1u8; 64 << 20];
        assert!(measure.peak_memory().expect("linux") >= before + (60 << 20));
        drop(block);
        assert!(measure.seconds() > 0.0);
    }
}
