//! Whether the builder is well, and its figures.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::builder::service::Service;

/// The version of the text's format that is spoken here.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process lives.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Somebody who pushes now would be served: an engine is not known to be away, and the builder does not stop.
pub(super) async fn readyz(State(service): State<Arc<Service>>) -> Response {
    let engines = service.engines.overview();
    let are_away = !engines.is_empty() && engines.iter().all(|engine| engine.away.is_some());
    let away = engines.iter().filter_map(|engine| {
        let reason = engine.away.as_ref()?;
        Some(format!("{} is away: {reason}", engine.engine))
    });
    let mut problems: Vec<String> = if are_away { away.collect() } else { Vec::new() };
    if service.door.stopping.is_cancelled() {
        problems.push("the builder is stopping".to_owned());
    }
    match problems.is_empty() {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n").into_response(),
    }
}

/// Figures for Prometheus.
pub(super) async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let engines = service.engines.overview();
    let text = service.metrics.text(service.running.count(), &engines, service.door.counts());
    ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
}
