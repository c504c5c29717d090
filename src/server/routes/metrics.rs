//! Figures about the server, and the counting of requests.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::answer::AnswerLabel;
use super::service::Service;

/// The version of the text's format that is spoken here.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What paths that are no routes are counted as.
const NO_ROUTE: &str = "none";

/// The work that the server has done and has to do, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text")),
)]
pub(super) async fn get(State(service): State<Arc<Service>>) -> Response {
    let (jobs, disk) = (service.jobs.counts(), service.housekeeping.disk_use());
    let leads = service.jobs.leads();
    let text = service.metrics.text(&jobs, disk, service.door.counts(), leads);
    ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response()
}

/// A request that is counted with its answer, and logged.
pub(super) struct Counted {
    start: Instant,
    route: Option<MatchedPath>,
}

impl Counted {
    pub(super) fn begin(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().cloned();
        Counted { start: Instant::now(), route }
    }

    pub(super) fn end(&self, service: &Service, answer: &Response) {
        let route = self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
        let label = answer.extensions().get::<AnswerLabel>().map_or("", |label| label.0);
        let (status, time) = (answer.status().as_u16(), self.start.elapsed());
        service.metrics.answered(route, status, label, time);
        let ms = time.as_millis() as u64;
        match route {
            // Asked every few seconds, for ever.
            "/healthz" | "/readyz" | "/metrics" => tracing::debug!(status, ms, "answered"),
            _ => tracing::info!(status, answer = label, ms, "answered"),
        }
    }
}
