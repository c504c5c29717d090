//! Builds step back behind answers: whatever computes for them runs at a lower priority.

use std::error::Error as _;
use std::io;

use rustix::process::{getpriority_process, setpriority_process};

use crate::threads::check_threads;

/// Half-way down: builds get what answers leave, and about a tenth of a busy core.
const NICE: i32 = 10;

/// Lowers the priority of the calling thread, and of those that it starts. Linux has a nice value
/// for each thread (setpriority(2), "C library/kernel differences").
pub(in crate::server) fn lower() {
    // A process that was started with a higher nice value keeps it; a failure costs latency and nothing else.
    if getpriority_process(None).is_ok_and(|nice| nice < NICE) {
        let _ = setpriority_process(None, NICE);
    }
}

/// Threads of a build beside those that compute: its own, and those that fetch layers.
const BUILD_THREADS: usize = 5;

/// Makes the threads that compute for all builds together, at low priority, unless they are there. Fails if
/// the system does not give so many, or none for a build beside them: rayon would panic in the first build.
pub(super) fn start_computing_threads() -> io::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|index| format!("compute-{index}"))
        .start_handler(|_| lower());
    match pool.build_global() {
        Ok(()) => {}
        Err(error) if error.source().is_some() => return Err(io::Error::other(error)),
        Err(error) => tracing::debug!("computing threads are those that were there: {error}"),
    }
    check_threads(BUILD_THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_thread_that_asks_and_its_children_step_back() {
        let nice = || getpriority_process(None).expect("readable");
        let before = nice();
        let lowered = std::thread::spawn(move || {
            lower();
            (nice(), std::thread::spawn(nice).join().expect("no panic"))
        });
        let expected = before.max(NICE);
        assert_eq!(lowered.join().expect("no panic"), (expected, expected));
        assert_eq!(nice(), before);
    }
}
