//! What one connection is doing.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::admission::{Connection, Connections};

/// How long a client may take from connecting to the end of its first request's head, TLS included.
/// Devices are on slow links, but a head is some kilobytes.
pub(super) const FIRST_REQUEST_TIME: Duration = Duration::from_secs(20);
/// How long a connection may be kept without a request, and how long a client may take none of an
/// answer: the system's buffers hold minutes of a slow link.
pub(super) const QUIET_TIME: Duration = Duration::from_secs(300);

/// One connection, shared by its stream, its requests and those who count.
pub(super) struct Activity {
    connections: Arc<Connections>,
    /// The network whose share a quiet connection counts for; `None`: a trusted proxy's.
    network: Option<IpAddr>,
    /// Whether there are too many already, so that requests are answered with that.
    pub(super) surplus: bool,
    now: Mutex<Now>,
    /// Whoever reads from the stream.
    reader: AtomicWaker,
}

struct Now {
    /// The place among the quiet; `None` while there are requests or answers.
    quiet: Option<u64>,
    /// Requests whose answers have not begun.
    waiting: u32,
    /// Answers that the client takes.
    answering: u32,
    has_spoken: bool,
    /// When the last thing happened that is worth waiting after.
    since: Instant,
    is_evicted: bool,
}

impl Activity {
    /// A connection that was just made, with its place among the quiet.
    pub(super) fn new(
        connections: Arc<Connections>,
        network: Option<IpAddr>,
        surplus: bool,
        quiet: u64,
    ) -> Self {
        let since = Instant::now();
        let now = Now {
            quiet: Some(quiet),
            waiting: 0,
            answering: 0,
            has_spoken: false,
            since,
            is_evicted: false,
        };
        let (now, reader) = (Mutex::new(now), AtomicWaker::new());
        Activity { connections, network, surplus, now, reader }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when the connection may go on as it is; `None`: for as long as its requests take.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let now = self.now();
        match (now.is_evicted, now.waiting, now.has_spoken) {
            (true, ..) => Some(now.since),
            (false, 1.., _) => None,
            (false, 0, true) => Some(now.since + QUIET_TIME),
            (false, 0, false) => Some(now.since + FIRST_REQUEST_TIME),
        }
    }

    /// Notes that the connection is ended because its time is over.
    pub(super) fn timed_out(&self) {
        if !self.now().is_evicted {
            self.connections.timed_out();
        }
    }

    /// Notes that the client took some of an answer.
    pub(super) fn took_bytes(&self) {
        let mut now = self.now();
        if now.has_spoken && !now.is_evicted {
            now.since = Instant::now();
        }
    }

    /// Notes that a request begins, and returns a guard that notes its end.
    pub(super) fn begin(self: &Arc<Self>) -> Requesting {
        {
            let mut now = self.now();
            now.waiting += 1;
            now.has_spoken = true;
        }
        self.leave();
        Requesting { activity: Arc::clone(self), is_answered: false }
    }

    fn answered(&self) {
        let mut now = self.now();
        now.waiting -= 1;
        now.answering += 1;
        now.since = Instant::now();
    }

    fn end(self: &Arc<Self>, is_answered: bool) {
        let is_quiet = {
            let mut now = self.now();
            *(if is_answered { &mut now.answering } else { &mut now.waiting }) -= 1;
            now.since = Instant::now();
            now.waiting + now.answering == 0 && !now.is_evicted
        };
        if is_quiet {
            let connection = Arc::clone(self) as Arc<dyn Connection>;
            let place = self.connections.quiet(connection);
            self.now().quiet = Some(place);
        }
    }

    /// Remembers who reads.
    pub(super) fn register(&self, context: &Context<'_>) {
        self.reader.register(context.waker());
    }

    /// Gives the place among the quiet up.
    pub(super) fn leave(&self) {
        let left = self.now().quiet.take();
        if let Some(place) = left {
            self.connections.busy(place, self.network);
        }
    }
}

impl Connection for Activity {
    fn network(&self) -> Option<IpAddr> {
        self.network
    }

    /// The reader sees so at once.
    fn evict(&self) {
        let mut now = self.now();
        now.quiet = None;
        // A request that began meanwhile is answered.
        now.is_evicted = now.waiting + now.answering == 0;
        drop(now);
        self.reader.wake();
    }
}

/// A request in progress, until the end of its answer.
pub(super) struct Requesting {
    activity: Arc<Activity>,
    is_answered: bool,
}

impl Requesting {
    /// Notes that the answer begins.
    pub(super) fn answered(&mut self) {
        self.activity.answered();
        self.is_answered = true;
    }
}

impl Drop for Requesting {
    fn drop(&mut self) {
        self.activity.end(self.is_answered);
    }
}
