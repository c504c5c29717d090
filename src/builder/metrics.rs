//! Figures about the builder, for Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::engine::Overview;
use crate::serving::ConnectionCounts;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EngineLabel {
    engine: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabel {
    route: String,
    status: u16,
}

/// All figures.
pub(super) struct Metrics {
    registry: Registry,
    builds: Family<OutcomeLabel, Counter>,
    answers: Family<AnswerLabel, Counter>,
    project_bytes: Counter,
    running: Gauge,
    connections: Gauge,
    engine_running: Family<EngineLabel, Gauge>,
    engine_waiting: Family<EngineLabel, Gauge>,
    engine_up: Family<EngineLabel, Gauge>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("remora_builder");
        let builds = Family::<OutcomeLabel, Counter>::default();
        let answers = Family::<AnswerLabel, Counter>::default();
        let project_bytes = Counter::default();
        let (running, connections) = (Gauge::default(), Gauge::default());
        let engine_running = Family::<EngineLabel, Gauge>::default();
        let engine_waiting = Family::<EngineLabel, Gauge>::default();
        let engine_up = Family::<EngineLabel, Gauge>::default();
        registry.register("builds", "Builds that ended", builds.clone());
        registry.register("answers", "Answers to requests", answers.clone());
        let bytes = project_bytes.clone();
        registry.register_with_unit("project", "Bytes of projects taken in", Unit::Bytes, bytes);
        registry.register("running", "Builds going on", running.clone());
        registry.register("connections", "Connections", connections.clone());
        registry.register("engine_running", "Builds on an engine", engine_running.clone());
        registry.register("engine_waiting", "Builds that wait for it", engine_waiting.clone());
        registry.register("engine_up", "Whether an engine can be reached", engine_up.clone());
        Metrics {
            registry,
            builds,
            answers,
            project_bytes,
            running,
            connections,
            engine_running,
            engine_waiting,
            engine_up,
        }
    }

    /// Counts a build that ended.
    pub(super) fn ended(&self, outcome: &'static str) {
        self.builds.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Counts an answer.
    pub(super) fn answered(&self, route: &str, status: u16) {
        self.answers.get_or_create(&AnswerLabel { route: route.to_owned(), status }).inc();
    }

    /// Counts a project that was taken in.
    pub(super) fn took(&self, bytes: u64) {
        self.project_bytes.inc_by(bytes);
    }

    /// All figures as text.
    pub(super) fn text(
        &self,
        running: usize,
        engines: &[Overview],
        connections: ConnectionCounts,
    ) -> String {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.running.set(number(running));
        self.connections.set(connections.open.try_into().unwrap_or(i64::MAX));
        for engine in engines {
            let label = EngineLabel { engine: engine.engine.clone() };
            self.engine_running.get_or_create(&label).set(number(engine.running));
            self.engine_waiting.get_or_create(&label).set(number(engine.waiting));
            self.engine_up.get_or_create(&label).set(i64::from(engine.away.is_none()));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a text cannot fail");
        text
    }
}
