//! What has become of a delta.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::answer::Answer;
use super::asked::Asked;
use super::delta;
use super::service::Service;
use crate::api::PairStatus;
use crate::api::{DeltaQuery, QueryError};
use crate::{Dialect, UnknownDialect};

/// The state of a delta.
#[utoipa::path(
    get,
    path = "/api/v3/status",
    tag = "releases",
    params(
        ("src" = String, Query, description = "The image that devices have"),
        ("dest" = String, Query, description = "The image that they are to get"),
        ("format" = Option<String>, Query, description = "`v2` or `v3`, which is the default"),
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
    let pair = delta::pin_soon(service, format, &query).await?;
    let status = PairStatus::now(service, &pair);
    Ok(status.of(format.name(), &query.source.text, &query.target.text))
}

/// The `format` of a query, v3 where there is none.
fn format(query: &str) -> Result<Dialect, Answer> {
    let mut given = query.split('&').filter_map(|part| part.strip_prefix("format="));
    let format = given.next().map_or(Ok(Dialect::default()), str::parse);
    format.map_err(|error: UnknownDialect| Answer::BadQuery(error.to_string()))
}
