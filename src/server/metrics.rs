//! What the server counts (Prometheus, OpenMetrics text).
//!
//! Labels have few values and never a name that a client chose.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::build::{Blame, Built, BuiltPlace};
use super::housekeeping::DiskUse;
use super::jobs::{JobCounts, JobEvent};
use crate::Dialect;
use crate::release::watch::Decision;
use crate::serving::ConnectionCounts;

/// Seconds that answers take: what is ready in milliseconds, the rest as long as polls are held.
const ANSWER_BUCKETS: [f64; 12] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0, 25.0, 60.0, 900.0];
/// Seconds that builds take.
const BUILD_BUCKETS: [f64; 10] = [0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0];

/// A request, as far as it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
    answer: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FormatLabels {
    format: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabels {
    cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    decision: &'static str,
}

type Seconds = Family<FormatLabels, Histogram, fn() -> Histogram>;
type AnswerSeconds = Family<RouteLabels, Histogram, fn() -> Histogram>;

/// All figures.
pub(crate) struct Metrics {
    registry: Registry,
    /// What all servers know alike: one of them tells it, so that a sum over servers is right.
    of_all: Registry,
    requests: Family<RequestLabels, Counter>,
    answer_seconds: AnswerSeconds,
    builds: Family<ResultLabels, Counter>,
    failures: Family<CauseLabels, Counter>,
    build_seconds: Seconds,
    saved_bytes: Counter,
    download_bytes: Counter,
    closed: Family<ReasonLabels, Counter>,
    decisions: Family<DecisionLabels, Counter>,
    levels: LevelGauges,
}

/// A number that is looked up rather than counted.
type Level = Gauge<u64, AtomicU64>;

#[derive(Default)]
struct LevelGauges {
    queued: Level,
    running: Level,
    waiting: Level,
    connections: Level,
    layer_bytes: Level,
    artifact_bytes: Level,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("remora"),
            of_all: Registry::with_prefix("remora"),
            requests: Family::default(),
            answer_seconds: Family::new_with_constructor(|| Histogram::new(ANSWER_BUCKETS)),
            builds: Family::default(),
            failures: Family::default(),
            build_seconds: Family::new_with_constructor(|| Histogram::new(BUILD_BUCKETS)),
            saved_bytes: Counter::default(),
            download_bytes: Counter::default(),
            closed: Family::default(),
            decisions: Family::default(),
            levels: LevelGauges::default(),
        };
        metrics.register();
        metrics.levels.register(&mut metrics.registry);
        metrics.levels.register_of_all(&mut metrics.of_all);
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "Requests answered", self.requests.clone());
        let (answers, builds) = (self.answer_seconds.clone(), self.build_seconds.clone());
        let help = "From a request to the head of its answer";
        registry.register_with_unit("answer", help, Unit::Seconds, answers);
        registry.register(
            "builds",
            "Deltas made, or found not to be worth it",
            self.builds.clone(),
        );
        registry.register(
            "build_failures",
            "What kept deltas from being made",
            self.failures.clone(),
        );
        registry.register_with_unit("build", "Making a delta", Unit::Seconds, builds);
        let help = "What devices were spared, by pulls that deltas made smaller";
        registry.register_with_unit("saved", help, Unit::Bytes, self.saved_bytes.clone());
        let help = "What v2 downloads sent";
        registry.register_with_unit("download", help, Unit::Bytes, self.download_bytes.clone());
        let help = "Connections that were closed before their client did so";
        registry.register("connections_closed", help, self.closed.clone());
        let help = "Decisions about releases that are watched";
        registry.register("watch_decisions", help, self.decisions.clone());
        for decision in Decision::NAMES {
            drop(self.decisions.get_or_create(&DecisionLabels { decision }));
        }
    }

    /// Counts an answered request. `route` is one of the routes, not a path that a client made up.
    pub(crate) fn answered(&self, route: &str, status: u16, answer: &'static str, time: Duration) {
        let route = route.to_owned();
        self.answer_seconds
            .get_or_create(&RouteLabels { route: route.clone() })
            .observe(time.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { route, status, answer }).inc();
    }

    /// Counts a delta that a device was told of, and what that spares it.
    pub(crate) fn delivered(&self, built: &Built) {
        if let (Some(pull), false) = (built.pull_bytes, built.place == BuiltPlace::NotWorth) {
            self.saved_bytes.inc_by(pull.saturating_sub(built.bytes));
        }
    }

    /// Counts a decision about a release.
    pub(crate) fn decided(&self, decision: &Decision) {
        self.decisions.get_or_create(&DecisionLabels { decision: decision.name() }).inc();
    }

    /// Counts bytes of a v2 download.
    pub(crate) fn downloaded(&self, bytes: u64) {
        self.download_bytes.inc_by(bytes);
    }

    /// Counts how long a delta took that was made.
    fn built(&self, format: Dialect, built: &Built) {
        let format = format.name();
        self.build_seconds.get_or_create(&FormatLabels { format }).observe(built.seconds);
    }

    /// Counts for ever what events tell.
    pub(crate) async fn follow(&self, mut events: Receiver<JobEvent>) {
        loop {
            match events.recv().await {
                Ok(JobEvent { pair, status: Some(status), made_here: true }) => {
                    if let Some(built) = &status.built {
                        self.built(pair.format, built);
                    }
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// All figures as text, with what the jobs count, what the disk holds and how connections are. The
    /// server that `leads` tells what is of all servers too.
    pub(crate) fn text(
        &self,
        jobs: &JobCounts,
        disk: DiskUse,
        connections: ConnectionCounts,
        leads: bool,
    ) -> String {
        self.levels.set(jobs, disk);
        self.levels.connections.set(connections.open);
        self.set_closed(connections);
        for (result, count) in [("ready", jobs.made), ("not_worth", jobs.not_worth)] {
            self.builds.get_or_create(&ResultLabels { result }).inner().store(count, Relaxed);
        }
        for (cause, count) in Blame::ALL.iter().zip(jobs.failed) {
            let labels = CauseLabels { cause: cause.name() };
            self.failures.get_or_create(&labels).inner().store(count, Relaxed);
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode_registry(&mut text, &self.registry);
        if leads {
            let _ = encode_registry(&mut text, &self.of_all);
        }
        let _ = encode_eof(&mut text);
        text
    }
}

impl Metrics {
    fn set_closed(&self, connections: ConnectionCounts) {
        for (reason, count) in [
            ("too_many", connections.refused),
            ("made_room", connections.evicted),
            ("silent", connections.timed_out),
        ] {
            self.closed.get_or_create(&ReasonLabels { reason }).inner().store(count, Relaxed);
        }
    }
}

impl LevelGauges {
    fn register(&self, registry: &mut Registry) {
        registry.register("running", "Deltas that are being made", self.running.clone());
        registry.register("waiting", "Requests that wait for a delta", self.waiting.clone());
        registry.register("connections", "Connections that there are", self.connections.clone());
        let (layers, artifacts) = (self.layer_bytes.clone(), self.artifact_bytes.clone());
        registry.register_with_unit("store", "Layers on disk", Unit::Bytes, layers);
        registry.register_with_unit("artifacts", "v2 deltas that are kept", Unit::Bytes, artifacts);
    }

    fn register_of_all(&self, registry: &mut Registry) {
        registry.register("queue", "Deltas that wait to be made", self.queued.clone());
    }

    fn set(&self, jobs: &JobCounts, disk: DiskUse) {
        self.queued.set(jobs.queued as u64);
        self.running.set(jobs.running as u64);
        self.waiting.set(jobs.waiters as u64);
        self.layer_bytes.set(disk.layer_bytes);
        self.artifact_bytes.set(disk.file_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::new();
        metrics.answered("/api/v3/delta", 200, "name", Duration::from_millis(3));
        let built = Built {
            place: BuiltPlace::File { key: "a".to_owned() },
            bytes: 10,
            pull_bytes: Some(100),
            commands: 1,
            seconds: 2.0,
        };
        metrics.built(Dialect::V2, &built);
        metrics.delivered(&built);
        let failed = [0, 0, 0, 0, 3, 0, 0];
        let jobs = JobCounts { queued: 7, made: 2, failed, ..JobCounts::default() };
        let connections = ConnectionCounts { open: 4, timed_out: 6, ..ConnectionCounts::default() };
        let disk = DiskUse { layer_bytes: 5, ..DiskUse::default() };
        let text = metrics.text(&jobs, disk, connections, true);
        assert!(!metrics.text(&jobs, disk, connections, false).contains("remora_queue"));
        for line in [
            "remora_requests_total{route=\"/api/v3/delta\",status=\"200\",answer=\"name\"} 1",
            "remora_builds_total{result=\"ready\"} 2",
            "remora_build_failures_total{cause=\"refused\"} 3",
            "remora_store_bytes 5",
            "remora_build_failures_total{cause=\"disk\"} 0",
            "remora_build_seconds_sum{format=\"v2\"} 2.0",
            "remora_saved_bytes_total 90",
            "remora_queue 7",
            "remora_connections 4",
            "remora_connections_closed_total{reason=\"silent\"} 6",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
        }
    }
}
