//! What whoever runs the builder says of its engines.

use crate::engine::EngineAddress;
use std::path::PathBuf;
use std::time::Duration;

/// Builds at once on one engine, unless set otherwise: what a small machine with other work does well.
const PLACES: usize = 2;
/// Builds that wait at most, unless set otherwise: enough for a classroom, and bounded memory.
const MAX_WAITING: usize = 1000;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an engine may be silent where it has nothing to work on.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a build may take: as long as openBalena's proxies wait for one.
const BUILD: Duration = Duration::from_secs(6 * 60 * 60);
/// How old cached images get (ten days, what balena's own builders keep is not known).
const KEEP_FOR: Duration = Duration::from_secs(240 * 60 * 60);
/// How much an engine keeps after pruning.
const KEEP_BYTES: u64 = 50_000_000_000;
/// The least time between two prunings.
const PRUNE_EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// Engines and how they are treated.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Engines on 64-bit x86.
    pub amd64: Vec<EngineAddress>,
    /// Engines on 64-bit ARM.
    pub arm64: Vec<EngineAddress>,
    /// The folder with `ca.pem`, `cert.pem` and `key.pem` for engines that speak TLS. A folder in it with the name of a
    /// host has those for that host.
    pub certificates: Option<PathBuf>,
    /// Builds at once on one engine.
    pub places: usize,
    /// Builds at once of one user, on all engines; no limit if absent.
    pub places_of_a_user: Option<usize>,
    /// Builds that wait at most.
    pub max_waiting: usize,
    /// The network of build containers. The engine's usual one if absent.
    pub network_mode: Option<String>,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long an engine may be silent where it has nothing to work on.
    pub silence: Duration,
    /// How long a build may take.
    pub build: Duration,
    /// What is kept on engines as cache; nothing is ever removed if absent.
    pub pruning: Option<Pruning>,
}

/// What is kept on engines as cache.
#[derive(Debug, Clone)]
pub struct Pruning {
    /// Tags of this registry go when they are old; those of places that openBalena's API chose if absent.
    pub registry: Option<String>,
    /// Images that were last needed before that go.
    pub keep_for: Duration,
    /// Of more than this, younger ones go too.
    pub keep_bytes: u64,
    /// The least time between two prunings of an engine.
    pub every: Duration,
}

impl Default for Pruning {
    fn default() -> Self {
        Pruning { registry: None, keep_for: KEEP_FOR, keep_bytes: KEEP_BYTES, every: PRUNE_EVERY }
    }
}

impl Default for EngineSettings {
    fn default() -> Self {
        EngineSettings {
            amd64: Vec::new(),
            arm64: Vec::new(),
            certificates: None,
            places: PLACES,
            places_of_a_user: None,
            max_waiting: MAX_WAITING,
            network_mode: None,
            connect: CONNECT,
            silence: SILENCE,
            build: BUILD,
            pruning: Some(Pruning::default()),
        }
    }
}
