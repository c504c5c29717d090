//! All routes, and what every request goes through.

use std::any::Any;
use std::convert::Infallible;
use std::future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use tower_service::Service as _;
use tracing::Instrument as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::metrics::Counted;
use super::service::Service;
use super::{delta, deltas, download, events, health, metrics, openapi, prepare, status};
use crate::server::page;
use crate::server::settings::Role;
use crate::serving::{RequestId, host_problem};

/// Bytes of a request's body: thousands of pairs to prepare.
const MAX_BODY_BYTES: usize = 1 << 20;

/// The server's routes; without the figures where these have an address of their own.
pub(crate) fn router(service: Arc<Service>) -> Router {
    let has_figures = service.settings.listen.metrics.is_none();
    if service.settings.role == Role::Worker {
        return worker_router(service, has_figures);
    }
    let (routes, document) = if has_figures { documented() } else { work().split_for_parts() };
    let routes = routes.fallback(nowhere).merge(openapi::route(document));
    dressed(routes.merge(page::routes()), service)
}

/// The routes of a server that only builds. Whoever asks it for anything else was sent to the wrong one,
/// and comes to another the next time.
fn worker_router(service: Arc<Service>, has_figures: bool) -> Router {
    let routes = match has_figures {
        true => operation().routes(routes!(metrics::get)),
        false => operation(),
    };
    let (routes, _) = routes.split_for_parts();
    dressed(routes.fallback(builds_only), service)
}

/// What is answered on the figures' own address.
pub(crate) fn figures(service: Arc<Service>) -> Router {
    let (routes, _) = OpenApiRouter::new().routes(routes!(metrics::get)).split_for_parts();
    dressed(routes.fallback(nowhere), service)
}

/// The routes with what every request goes through.
fn dressed(routes: Router<Arc<Service>>, service: Arc<Service>) -> Router {
    routes
        .layer(CatchPanicLayer::custom(defect))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&service), every_request))
        .with_state(service)
}

/// Names the request, refuses one that is unclear, and counts the answer. All of that is in one place
/// since each layer of axum's takes a kilobyte of every request that waits.
async fn every_request(
    State(service): State<Arc<Service>>,
    request: Request,
    mut next: Next,
) -> Response {
    let (id, version) = (RequestId::of(&request), request.version());
    let counted = Counted::begin(&request);
    let span = id.span(&request);
    let answer = match host_problem(&request) {
        Some(problem) => future::ready(Ok(unclear(problem))).left_future(),
        None => span.in_scope(|| next.call(request)).right_future(),
    };
    let ended = async {
        let mut answer = answer.await.unwrap_or_else(|never: Infallible| match never {});
        counted.end(&service, &answer);
        id.name(&mut answer);
        if service.door.stopping.is_cancelled() {
            let_go(version, &mut answer);
        }
        answer
    };
    ended.instrument(span).await
}

/// Has a client of a server that stops come over another connection the next time. HTTP/2 has its own way to say so.
fn let_go(version: Version, answer: &mut Response) {
    if version < Version::HTTP_2 {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// All routes and the document that describes them, made from the same source.
pub(super) fn documented() -> (Router<Arc<Service>>, OpenApi) {
    work().routes(routes!(metrics::get)).split_for_parts()
}

/// Everything but the figures.
fn work() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(delta::get_v3))
        .routes(routes!(delta::get_v2))
        .routes(routes!(deltas::get))
        .routes(routes!(download::get, download::head))
        .routes(routes!(prepare::post))
        .routes(routes!(status::get, status::post))
        .routes(routes!(events::get))
        .merge(operation())
}

/// What whoever operates a server asks.
fn operation() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(health::healthz)).routes(routes!(health::readyz))
}

fn unclear(problem: &str) -> Response {
    Answer::BadQuery(problem.to_owned()).into_response()
}

async fn builds_only() -> Response {
    Answer::BuildsOnly.into_response()
}

async fn nowhere() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing here\n").into_response()
}

/// The answer where a handler panicked. What it was is in the log already.
fn defect(_panic: Box<dyn Any + Send + 'static>) -> Response {
    Answer::Defect.into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_as_a_defect() {
        let broken =
            Router::new().route("/", get(async || -> &'static str { panic!("on purpose") }));
        let broken = broken.layer(CatchPanicLayer::custom(defect));
        let response = broken.oneshot(Request::new(Body::empty())).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
