//! What the system gives a process, made the most of before any work begins: open files, threads, and
//! last words for what ends the process at once.

use remora::ErrorKind;
use remora::store::{LastWords, report_lost_pages};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::exit_code;

/// What is said where the disk has lost a page of a stored layer. The signal that tells of it leaves
/// no time for colours or JSON.
const LOST_PAGE: (&str, &str) = (
    "error: the disk cannot give back a page of ",
    "\nhint: the layer has been dropped and is fetched again next time; check the disk\n",
);

/// Raises the limit on open files as far as the system lets us, and sees that a page that the disk has
/// lost does not end the process without a word.
pub(super) fn prepare() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // Without more, fewer layers are kept open.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    let (before, after) = LOST_PAGE;
    let status = exit_code::of(ErrorKind::Environment).into();
    report_lost_pages(LastWords { before, after, status });
}

/// Starts the threads that compute: as many as asked for, or as there are cores. Where the system does
/// not give so many, there are fewer, and in the end none but the one that calls.
pub(super) fn start_computing(wanted: Option<u16>) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut threads = wanted.map_or(cores, usize::from);
    loop {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        match pool.build_global() {
            Ok(()) => return,
            Err(error) => tracing::info!("{threads} threads cannot be started: {error}"),
        }
        if threads == 1 {
            break;
        }
        threads /= 2;
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    if let Err(error) = pool.build_global() {
        tracing::warn!("no threads can be started: {error}");
    }
}
