//! How many, how long, how much.

use std::path::PathBuf;
use std::time::Duration;

/// The server's rules for its jobs.
#[derive(Debug, Clone)]
pub(crate) struct JobSettings {
    /// The data folder: `jobs.sqlite` and the lock live in it.
    pub(crate) folder: PathBuf,
    /// Builds at the same time. A build uses every core where it computes; a second one uses them
    /// while the first waits for the network.
    pub(crate) max_builds: usize,
    /// Jobs that may wait; more are refused.
    pub(crate) max_queue: usize,
    /// Bytes of memory that the builds may take together. One that takes more runs alone.
    pub(crate) memory: u64,
    /// For how long a job tries again while the registry or the disk gives trouble.
    pub(crate) retry_for: Duration,
    /// The same for a job that a release asked for: nobody asks again for that.
    pub(crate) release_retry_for: Duration,
    /// The pause after the first such trouble; it doubles each time.
    pub(crate) first_pause: Duration,
    /// The longest such pause.
    pub(crate) longest_pause: Duration,
    /// For how long it is remembered that a delta cannot be made.
    pub(crate) failure_expiry: Duration,
    /// The same where it was not the images' fault: a defect, the registry, the disk.
    pub(crate) trouble_expiry: Duration,
    /// For how long a job goes on when nobody waits for it. A client that was told "still building"
    /// comes back a moment later.
    pub(crate) grace: Duration,
    /// For how long a delta is remembered that nobody asks for.
    pub(crate) remember: Duration,
    /// How many finished jobs are remembered; the one asked for longest ago goes first. About 1 KiB
    /// of memory each.
    pub(crate) max_remembered: usize,
}

impl JobSettings {
    /// The usual rules.
    pub(crate) fn new(folder: PathBuf, memory: u64) -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        JobSettings {
            folder,
            max_builds: 2,
            max_queue: 10_000,
            memory,
            retry_for: 15 * MINUTE,
            release_retry_for: 24 * 60 * MINUTE,
            first_pause: Duration::from_secs(2),
            longest_pause: MINUTE,
            failure_expiry: 60 * MINUTE,
            trouble_expiry: 10 * MINUTE,
            grace: 2 * MINUTE,
            remember: 90 * 24 * 60 * MINUTE,
            max_remembered: 20_000,
        }
    }
}
