//! Threads that the system may not give.

use std::io;
use std::sync::{PoisonError, RwLock};
use std::thread::{Builder, scope, sleep};
use std::time::Duration;

/// Threads that have just ended count a moment longer.
const PAUSE: Duration = Duration::from_millis(2);
const ROUNDS: u32 = 10;

/// How long a thread that has waited for something blocking stays for the next: as long as the process runs. tokio
/// panics where it has none and the system gives none.
pub(crate) const WAITING_THREAD_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// Checks that the system gives so many more threads, for libraries that panic where it does not.
///
/// # Errors
/// What the system said of the first that it did not give.
pub(crate) fn check_threads(threads: usize) -> io::Result<()> {
    let mut round = 1;
    loop {
        match start(threads) {
            Err(_) if round < ROUNDS => {
                round += 1;
                sleep(PAUSE);
            }
            done => return done,
        }
    }
}

/// Starts twice as many: those that the check started may still count when it is over.
fn start(threads: usize) -> io::Result<()> {
    let gate = RwLock::new(());
    scope(|scope| {
        let _closed = gate.write().unwrap_or_else(PoisonError::into_inner);
        let wait = || drop(gate.read());
        let start = |_| Builder::new().spawn_scoped(scope, wait).map(drop);
        (0..2 * threads).try_for_each(start)
    })
}
