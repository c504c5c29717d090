//! All routes, and what every request goes through.

use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;
use tower_service::Service as _;
use tracing::Instrument as _;

use super::caller::defect;
use super::refusal::Refusal;
use super::{cancel, operation, push};
use crate::builder::service::Service;
use crate::serving::{RequestId, host_problem};

/// What paths that are no routes are counted as.
const NO_ROUTE: &str = "none";

/// The builder's routes; without the figures if these have an address of their own.
pub(in crate::builder) fn router(service: Arc<Service>) -> Router {
    let routes = Router::new()
        .route("/v3/build", post(push::post))
        .route("/v3/build/{release}", delete(cancel::delete))
        .route("/healthz", get(operation::healthz))
        .route("/readyz", get(operation::readyz));
    let routes = match service.settings.listen.metrics {
        None => routes.route("/metrics", get(operation::metrics)),
        Some(_) => routes,
    };
    dressed(routes, service)
}

/// What is answered on the figures' own address.
pub(in crate::builder) fn figures(service: Arc<Service>) -> Router {
    dressed(Router::new().route("/metrics", get(operation::metrics)), service)
}

fn dressed(routes: Router<Arc<Service>>, service: Arc<Service>) -> Router {
    routes
        .fallback(async || Refusal::new(StatusCode::NOT_FOUND, "There is nothing here"))
        .layer(CatchPanicLayer::custom(|_: Box<dyn Any + Send>| defect().into_response()))
        // Projects are counted as they come in.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(&service), every_request))
        .with_state(service)
}

/// Names the request, refuses one that is unclear, and counts the answer.
async fn every_request(
    State(service): State<Arc<Service>>,
    request: Request,
    mut next: Next,
) -> Response {
    let (id, begun) = (RequestId::of(&request), Instant::now());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let span = id.span(&request);
    let answered = async {
        let mut answer = match host_problem(&request) {
            Some(problem) => Refusal::new(StatusCode::BAD_REQUEST, problem).into_response(),
            None => next.call(request).await.unwrap_or_else(|never: Infallible| match never {}),
        };
        let (status, ms) = (answer.status().as_u16(), begun.elapsed().as_millis() as u64);
        service.metrics.answered(&route, status);
        match route.as_str() {
            // Asked every few seconds, for ever.
            "/healthz" | "/readyz" | "/metrics" => tracing::debug!(status, ms, "answered"),
            _ => tracing::info!(status, ms, "answered"),
        }
        id.name(&mut answer);
        answer
    };
    answered.instrument(span).await
}
