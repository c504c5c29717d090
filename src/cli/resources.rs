//! Open files, threads and address space, looked at before any work begins, and last words for what ends the
//! process at once.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle, available_parallelism};

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use remora::store::{LastWords, report_lost_pages};
use remora::{ErrorKind, MemoryError, check_memory};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::exit_code;

/// The last words where the disk has lost a page of a stored layer. The signal that tells of it leaves
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

/// Bytes of memory that every command takes: the names of images are read with tables of megabytes.
const START_BYTES: u64 = 32 << 20;

/// Refuses to begin where the process may not have the memory that every command takes.
pub(super) fn check_start() -> Result<(), MemoryError> {
    check_memory(START_BYTES, 1)
}

/// Threads that are left for others where there are few: those that move bytes, and what is checked
/// before they start.
const RESERVE: usize = 8;

/// Bytes of memory that a thread takes to begin: a stack of 2 MiB, another one for signals, and some to allocate from.
const STACK_BYTES: u64 = 4 << 20;

/// A thread that waits for what it is to do.
type Idle = (Sender<ThreadBuilder>, JoinHandle<()>);

/// Starts the threads that compute: as many as asked for, or as there are cores. Where the system does
/// not give so many, there are fewer, and in the end none but the one that calls.
pub(super) fn start_computing(wanted: Option<u16>) {
    let cores = available_parallelism().map_or(1, usize::from);
    let mut idle = start_threads(wanted.map_or(cores, usize::from));
    // The pool can be built once only, whether that works or not. So the threads are there first.
    let mut pool = ThreadPoolBuilder::new().num_threads(idle.len().max(1));
    if idle.is_empty() {
        pool = pool.use_current_thread();
    }
    let hand_over = move |work| {
        let (thread, _) = idle.pop().ok_or(io::ErrorKind::WouldBlock)?;
        thread.send(work).map_err(|_| io::ErrorKind::BrokenPipe.into())
    };
    if let Err(error) = pool.spawn_handler(hand_over).build_global() {
        tracing::warn!("no threads can be started: {error}");
    }
}

/// Starts so many threads, or as many as the system gives beside a reserve.
fn start_threads(wanted: usize) -> Vec<Idle> {
    let mut idle = Vec::new();
    while idle.len() < wanted + RESERVE {
        match start_thread() {
            Ok(thread) => idle.push(thread),
            Err(error) => {
                tracing::info!("{wanted} threads and a reserve cannot be started: {error}");
                break;
            }
        }
    }
    let kept = idle.len().saturating_sub(RESERVE).max(1);
    for (sender, thread) in idle.split_off(kept.min(idle.len())) {
        drop(sender);
        // The thread does nothing that could panic.
        let _ = thread.join();
    }
    idle
}

/// Starts one thread. A thread that has begun and does not get what it begins with would end the process, so there is
/// room for it before, and the next one waits for it.
fn start_thread() -> io::Result<Idle> {
    check_memory(STACK_BYTES, 0).map_err(io::Error::other)?;
    let (sender, receiver) = mpsc::channel::<ThreadBuilder>();
    let (begun, has_begun) = mpsc::channel();
    let work = move || {
        let _ = begun.send(());
        receiver.recv().map_or((), ThreadBuilder::run)
    };
    let thread = thread::Builder::new().name("compute".into()).spawn(work)?;
    // An error is the thread's end, which whoever joins it learns of.
    let _ = has_begun.recv();
    Ok((sender, thread))
}
