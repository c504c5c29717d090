//! What things cost, and where each figure is from.

use remora::server::simulation::{Delta, Made};

use crate::noise::Noise;

/// One kind of change between two releases of a service.
pub(crate) struct Kind {
    /// How many of a hundred changes are of this kind: an assumption. Application code changes often, bases and operating
    /// systems rarely.
    share: u64,
    /// Bytes of a plain pull: README.md, "plain pull".
    pub(crate) pull: u64,
    /// Bytes of the delta: README.md, "Remora default".
    pub(crate) delta: u64,
    /// Seconds to make the delta on two cores from layers that are there, its proof included: README.md, "Remora, s".
    compute: f64,
}

/// The pairs that README.md compares.
pub(crate) const KINDS: [Kind; 8] = [
    // One small file.
    Kind { share: 25, pull: 364_710, delta: 299, compute: 0.2 },
    // 10,343 timestamps.
    Kind { share: 5, pull: 24_212_238, delta: 54_234, compute: 0.4 },
    // One static binary.
    Kind { share: 20, pull: 10_390_656, delta: 4_635_794, compute: 0.55 },
    // Node packages.
    Kind { share: 20, pull: 8_605_696, delta: 513_184, compute: 0.5 },
    // Four layers squashed.
    Kind { share: 3, pull: 81_155_639, delta: 43_447, compute: 0.5 },
    // Python packages.
    Kind { share: 17, pull: 52_381_673, delta: 9_677_094, compute: 3.0 },
    // A base with security updates.
    Kind { share: 8, pull: 81_347_064, delta: 3_807_850, compute: 1.5 },
    // Debian 12 to 13.
    Kind { share: 2, pull: 75_075_343, delta: 46_359_232, compute: 5.6 },
];

/// Bytes a second at which a server takes a compressed layer from the registry and unpacks the layer. The trial of
/// 1,000 clients in docs/server.md took in 76 MB/s beside everything else that it did on two cores.
const FETCH_RATE: f64 = 60e6;
/// Bytes a second at which a delta is pushed: an assumption, half of a gigabit link.
const PUSH_RATE: f64 = 60e6;
/// Seconds for what is asked of the registry before and after, manifests and tags: ten requests of 20 ms.
const ROUND_TRIPS: f64 = 0.2;

/// Processor seconds of one answer, a new connection and a check of the token's signature included: an assumption, not
/// measured.
pub(crate) const ANSWER: f64 = 0.001;
/// Cores of a server, as the machine has that all of this was measured on.
pub(crate) const CORES: f64 = 2.0;
/// Seconds that a request is held at most: `REMORA_LONG_POLL`.
pub(crate) const LONG_POLL: f64 = 25.0;
/// Seconds after which a device asks again that met with 503: an assumption, the supervisor's back-off begins below
/// that and ends above.
pub(crate) const RETRY: f64 = 60.0;
/// Seconds for which the ledger takes a delta's last use as told: `USE_PRECISION` of the table of jobs.
pub(crate) const USE_PRECISION: f64 = 600.0;
/// Seconds between two writes of one wish that goes on: half of `REMORA_GRACE`.
pub(crate) const WISH_RENEWAL: f64 = 60.0;
/// Changed rows a second that a database takes: an assumption, not measured. `footprint` says what SQLite takes here.
pub(crate) const DATABASE_ROWS: f64 = 2_000.0;
/// Bytes of memory of a job that a server remembers: `footprint`, with 200,000 of them.
pub(crate) const MIRROR_BYTES: f64 = 540.0;

/// Jobs that may wait: `REMORA_MAX_QUEUE`.
pub(crate) const QUEUE: f64 = 10_000.0;
/// Connections of a server: the most that `REMORA_MAX_CONNECTIONS` is by itself.
pub(crate) const CONNECTIONS: f64 = 65_536.0;

/// The kind of change that a delta is of: one of its own for each service and release, whatever devices have.
pub(crate) fn kind(delta: Delta) -> &'static Kind {
    let seed = u64::from(delta.fleet) << 40 ^ u64::from(delta.service) << 32;
    let mut place = Noise(seed ^ u64::from(delta.target)).next() % 100;
    for kind in &KINDS {
        if place < kind.share {
            return kind;
        }
        place -= kind.share;
    }
    &KINDS[0]
}

/// What a build makes, and in which time, where so many are made at once on the same cores.
pub(crate) fn build(delta: Delta, at_once: usize) -> Made {
    let kind = kind(delta);
    let fetch = 2.0 * kind.pull as f64 / FETCH_RATE;
    let push = kind.delta as f64 / PUSH_RATE;
    let seconds = ROUND_TRIPS + fetch + kind.compute * at_once as f64 + push;
    Made { bytes: kind.delta, pull_bytes: kind.pull, seconds }
}
