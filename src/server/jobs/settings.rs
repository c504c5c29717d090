//! How many, how long, how much.

use std::path::PathBuf;
use std::time::Duration;

use crate::api::Secret;
use crate::server::memory;
use crate::server::settings::WorkSettings;

const MINUTE: Duration = Duration::from_secs(60);

/// The server's rules for its jobs. What can be set is the command line's to say; the rest is here.
#[derive(Debug, Clone)]
pub(crate) struct JobSettings {
    /// The data folder: `jobs.sqlite` and the lock live in it.
    pub(crate) folder: PathBuf,
    /// The database that servers share; without one the jobs are in the data folder.
    pub(crate) database: Option<Secret>,
    /// Whether devices may ask this server.
    pub(crate) answers: bool,
    /// The home of jobs that end with a file, if several servers have those files in one place; otherwise the data
    /// folder is.
    pub(crate) files_home: Option<String>,
    /// For how long a server that gives no sign of life keeps its jobs.
    pub(crate) lease: Duration,
    /// For so long a job whose layers are elsewhere is left to others, and those come first whose layers are
    /// here. To fetch an image takes longer.
    pub(crate) layer_patience: Duration,
    /// Builds at the same time. A build uses every core where it computes; a second one uses them
    /// while the first waits for the network.
    pub(crate) max_builds: usize,
    /// Jobs that may wait; more are refused, or take the place of those of the largest fleet.
    pub(crate) max_queue: usize,
    /// Jobs that one fleet may have, without those of releases.
    pub(crate) max_fleet_queue: usize,
    /// Jobs that one caller may have asked for first.
    pub(crate) max_caller_queue: usize,
    /// Jobs that one caller without the builder credential may have asked for ahead, for releases.
    pub(crate) max_release_queue: usize,
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
    /// The rules that somebody set, with those that nobody can set.
    pub(crate) fn new(folder: PathBuf, work: &WorkSettings) -> Self {
        JobSettings {
            folder,
            database: None,
            answers: true,
            files_home: None,
            lease: Duration::from_secs(20),
            layer_patience: Duration::from_millis(1500),
            max_builds: work.max_builds,
            max_queue: work.max_queue,
            max_fleet_queue: work.max_fleet_queue,
            max_caller_queue: work.max_caller_queue,
            max_release_queue: 2_000,
            memory: work.memory.unwrap_or_else(memory::half),
            retry_for: work.registry_patience,
            release_retry_for: 24 * 60 * MINUTE,
            first_pause: Duration::from_secs(2),
            longest_pause: MINUTE,
            failure_expiry: work.failure_expiry,
            trouble_expiry: 10 * MINUTE,
            grace: work.grace,
            remember: 90 * 24 * 60 * MINUTE,
            max_remembered: 20_000,
        }
    }
}
