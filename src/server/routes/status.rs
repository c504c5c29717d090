//! What has become of deltas: of one, or of many in one request.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use super::answer::Answer;
use super::asked::Asked;
use super::delta;
use super::pair_list::{PairList, ReadPair};
use super::service::Service;
use crate::api::{DeltaQuery, Listed, PairState, PairStatus, Pairs, QueryError};
use crate::server::access::Permits;
use crate::server::pair::Pair;
use crate::{Dialect, UnknownDialect};

/// How long a delta that no job knows of is looked for in the registry.
const LOOK_TIME: Duration = Duration::from_secs(10);

/// The state of a delta.
#[utoipa::path(
    get,
    path = "/api/v3/status",
    tag = "releases",
    params(
        ("src" = String, Query, description = "The image that devices have"),
        ("dest" = String, Query, description = "The image that they are to get"),
        ("format" = Option<String>, Query, description = "The format of the delta; v3 is the default"),
    ),
    responses(
        (status = 200, description = "What is known", body = PairStatus, content_type = "application/json"),
        (status = 400, description = "The query makes no sense, or names another registry", body = String, content_type = "text/plain"),
        (status = 401, description = "Neither a token nor the builder credential", body = String, content_type = "text/plain"),
        (status = 403, description = "No permission for both repositories", body = String, content_type = "text/plain"),
        (status = 404, description = "The registry has no such image", body = String, content_type = "text/plain"),
        (status = 503, description = "Too many requests; see Retry-After", body = String, content_type = "text/plain"),
        (status = 504, description = "The registry cannot be asked", body = String, content_type = "text/plain"),
    ),
    security(("token" = []), ("builder" = [])),
)]
pub(super) async fn get(State(service): State<Arc<Service>>, asked: Asked) -> Response {
    match status(&service, asked).await {
        Ok(status) => Json(status).into_response(),
        Err(answer) => answer.into_response(),
    }
}

async fn status(service: &Service, asked: Asked) -> Result<PairStatus, Answer> {
    let bad = |error: QueryError| Answer::BadQuery(error.to_string());
    let query = DeltaQuery::parse(&asked.query, service.registry()).map_err(bad)?;
    let repositories = [query.source.repository.as_str(), &query.target.repository];
    service.guard.authorize_watcher(&asked.headers, asked.peer, &repositories)?;
    let format = format(&asked.query)?;
    drop(asked);
    let status = known(service, format, &query).await?;
    Ok(status.of(format.name(), &query.source.text, &query.target.text))
}

/// The states of many deltas.
///
/// Nothing is begun. Each pair has an answer of its own.
#[utoipa::path(
    post,
    path = "/api/v3/status",
    tag = "releases",
    request_body = Pairs,
    responses(
        (status = 200, description = "How it stands with each pair", body = Listed, content_type = "application/json"),
        (status = 400, description = "The list cannot be read, or has too many pairs", body = String, content_type = "text/plain"),
        (status = 408, description = "The list does not come to an end", body = String, content_type = "text/plain"),
        (status = 413, description = "The list has too many bytes", body = String, content_type = "text/plain"),
        (status = 415, description = "The list is not called JSON", body = String, content_type = "text/plain"),
        (status = 401, description = "Neither a token nor the builder credential", body = String, content_type = "text/plain"),
        (status = 403, description = "The tokens do not permit `pull` on both repositories of a pair", body = String, content_type = "text/plain"),
        (status = 503, description = "Too many requests; see Retry-After", body = String, content_type = "text/plain"),
    ),
    security(("token" = []), ("builder" = [])),
)]
pub(super) async fn post(
    State(service): State<Arc<Service>>,
    asked: Asked,
    request: Request,
) -> Result<Json<Listed>, Answer> {
    let list = PairList::read(&service, asked, request).await?;
    of_list(&service, list).await.map(Json)
}

/// The state of each delta of a list.
pub(super) async fn of_list(service: &Service, list: PairList) -> Result<Listed, Answer> {
    let permitted = |permits: &Permits, pair: &ReadPair| {
        let (source, target) = pair.repositories();
        Ok(permits.watch(source, target)?)
    };
    let known = async |pair: ReadPair| known(service, pair.format, &pair.query).await;
    list.answered(service, permitted, known, async |status| Ok(status)).await
}

/// The state of a delta: from the jobs, or else from the registry, which may have a delta that was
/// made elsewhere or long ago.
pub(super) async fn known(
    service: &Service,
    format: Dialect,
    query: &DeltaQuery,
) -> Result<PairStatus, Answer> {
    let pair = delta::pin_soon(service, format, query).await?;
    let status = PairStatus::now(service, &pair);
    match status.status {
        PairState::Unknown => Ok(found(service, &pair, status).await),
        _ => Ok(status),
    }
}

/// The state of a delta that is `unknown` to the jobs: ready if the registry has it. If the registry cannot
/// say, the reason is told.
async fn found(service: &Service, pair: &Pair, unknown: PairStatus) -> PairStatus {
    let found = tokio::time::timeout(LOOK_TIME, service.images.find_delta(pair)).await;
    let away = match found {
        Ok(Ok(Some(built))) => {
            let status = PairState::Ready;
            return PairStatus { status, ..unknown.built(service, pair, &built) };
        }
        Ok(Ok(None)) => return unknown,
        Ok(Err(error)) => delta::away(&error),
        Err(_) => Answer::RegistryAway,
    };
    PairStatus { reason: Some(away.text()), ..unknown }
}

/// The `format` of a query, v3 where there is none.
fn format(query: &str) -> Result<Dialect, Answer> {
    let mut given = query.split('&').filter_map(|part| part.strip_prefix("format="));
    let format = given.next().map_or(Ok(Dialect::default()), str::parse);
    format.map_err(|error: UnknownDialect| Answer::BadQuery(error.to_string()))
}
