//! Figures about the server, and the counting of requests.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::answer::AnswerLabel;
use super::service::Service;

/// The version of the text's format that is spoken here.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What paths that are no routes are counted as.
const NO_ROUTE: &str = "none";

/// What the server has done and has to do, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text")),
)]
pub(super) async fn get(State(service): State<Arc<Service>>) -> Response {
    let (jobs, disk) = (service.jobs.counts(), service.housekeeping.disk_use());
    let text = service.metrics.text(&jobs, disk, service.connections.counts());
    ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response()
}

/// Counts every request with its answer, and logs it.
pub(super) async fn count(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    let route = route.as_deref().unwrap_or(NO_ROUTE);
    let label = response.extensions().get::<AnswerLabel>().map_or("", |label| label.0);
    let (status, time) = (response.status().as_u16(), start.elapsed());
    service.metrics.answered(route, status, label, time);
    let ms = time.as_millis() as u64;
    match route {
        // Asked every few seconds, for ever.
        "/healthz" | "/readyz" | "/metrics" => tracing::debug!(status, ms, "answered"),
        _ => tracing::info!(status, answer = label, ms, "answered"),
    }
    response
}
