//! Deltas asked for ahead, for instance for a release.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest as _, Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};

use super::answer::{Answer, refusal};
use super::asked::Asked;
use super::delta;
use super::service::Service;
use crate::api::DeltaQuery;
use crate::api::{PairStatus, Prepare, Prepared, WantedPair};
use crate::server::jobs::Origin;
use crate::{Dialect, UnknownDialect};

/// Pairs that one request may name: a release of a dozen services from some hundred earlier ones.
const MAX_PAIRS: usize = 5_000;

/// Pairs of one request that are looked up at the same time.
const AT_ONCE: usize = 16;

/// How long a list may take to come.
const BODY_TIME: Duration = Duration::from_secs(60);

/// Queue deltas ahead of the devices.
///
/// Each pair has an answer of its own; one that cannot be queued keeps none of the others from it.
#[utoipa::path(
    post,
    path = "/api/v3/prepare",
    tag = "releases",
    request_body = Prepare,
    responses(
        (status = 200, description = "What has become of each pair", body = Prepared, content_type = "application/json"),
        (status = 400, description = "The list cannot be read, or is too long", body = String, content_type = "text/plain"),
        (status = 401, description = "No builder credential", body = String, content_type = "text/plain"),
        (status = 403, description = "The credential does not permit this", body = String, content_type = "text/plain"),
        (status = 503, description = "Too many requests; see Retry-After", body = String, content_type = "text/plain"),
    ),
    security(("builder" = [])),
)]
pub(super) async fn post(
    State(service): State<Arc<Service>>,
    asked: Asked,
    request: Request,
) -> Response {
    if let Err(denied) = service.guard.authorize_builder(&asked.headers, asked.peer) {
        return refusal(denied);
    }
    drop(asked);
    // Nobody but the builder has its list read.
    let body = Json::<Prepare>::from_request(request, &());
    let Ok(body) = tokio::time::timeout(BODY_TIME, body).await else {
        return bad("the list does not come to an end".to_owned());
    };
    let wanted = match body {
        Ok(Json(wanted)) if wanted.pairs.len() <= MAX_PAIRS => wanted,
        Ok(_) => return bad(format!("there are more than {MAX_PAIRS} pairs")),
        Err(error) => return bad(error.body_text()),
    };
    let fleet = wanted.fleet;
    let pairs = stream::iter(wanted.pairs).map(|pair| queue(&service, pair, fleet.clone()));
    let pairs = pairs.buffered(AT_ONCE).collect().await;
    Json(Prepared { pairs }).into_response()
}

fn bad(text: String) -> Response {
    Answer::BadQuery(text).into_response()
}

async fn queue(service: &Service, wanted: WantedPair, fleet: Option<String>) -> PairStatus {
    let format = wanted.format.as_deref().unwrap_or(Dialect::default().name());
    let status = match try_queue(service, format, &wanted, fleet).await {
        Ok(status) => status,
        Err(answer) => PairStatus::refused(&answer),
    };
    status.of(format, &wanted.src, &wanted.dest)
}

async fn try_queue(
    service: &Service,
    format: &str,
    wanted: &WantedPair,
    fleet: Option<String>,
) -> Result<PairStatus, Answer> {
    let format = format.parse();
    let format = format.map_err(|error: UnknownDialect| Answer::BadQuery(error.to_string()))?;
    let query = DeltaQuery::of(&wanted.src, &wanted.dest, service.registry());
    let query = query.map_err(|error| Answer::BadQuery(error.to_string()))?;
    let pair = delta::seen_soon(service, format, &query).await?;
    let fleet = fleet.unwrap_or_else(|| pair.target.repository.clone());
    let origin = Origin { fleet, asker: None, release: true };
    // Nobody waits: a release's job goes on all the same.
    let ticket = service.jobs.request(pair.clone(), origin).await;
    ticket.map_err(|_| Answer::QueueFull)?;
    Ok(PairStatus::now(service, &pair))
}
