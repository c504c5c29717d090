//! What has become of a delta.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Answer;
use super::asked::Asked;
use super::delta;
use super::service::Service;
use crate::server::build::{Built, Place};
use crate::server::jobs::{JobState, JobStatus};
use crate::server::pair::{DeltaFormat, Pair};
use crate::server::query::{DeltaQuery, QueryError};

/// What is known of a delta.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(super) struct PairStatus {
    /// The image that devices have, as it was asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    src: String,
    /// The image that they are to get, as it was asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    dest: String,
    /// `v2` or `v3`.
    format: String,
    /// `pending`, `preparing`, `ready` or `failed`; `unknown` where nobody asked for it yet.
    status: &'static str,
    /// The image that devices are told to pull, of a v3 delta that is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What a device downloads, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// What it would download without the delta, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_size: Option<u64>,
    /// Commands that the device carries out.
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: Option<u64>,
    /// How long it took to make.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// Why it failed, or waits, or is not worth it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How many deltas are before it in the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// What is being done: `fetch`, `index`, `encode`, `verify` or `push`.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'static str>,
    /// How far that is altogether, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u8>,
}

impl PairStatus {
    /// What the jobs know of a pair.
    pub(super) fn now(service: &Service, pair: &Pair) -> Self {
        Self::told(service, pair, service.jobs.status(pair).as_ref())
    }

    /// The same of a status that is at hand; none: nobody asked.
    pub(super) fn told(service: &Service, pair: &Pair, status: Option<&JobStatus>) -> Self {
        let format = pair.format.name().to_owned();
        let Some(status) = status else {
            return PairStatus { format, status: "unknown", ..Self::default() };
        };
        let built = status.built.as_ref();
        PairStatus {
            format,
            status: state_name(status.state),
            name: built.and_then(|built| name(service, pair, built)),
            size: built.map(|built| built.bytes),
            pull_size: built.and_then(|built| built.pull_bytes),
            commands: built.map(|built| built.commands),
            seconds: built.map(|built| built.seconds),
            reason: status.reason().map(str::to_owned),
            position: status.position,
            stage: status.stage.map(|stage| stage.name()),
            percent: status.percent,
            ..Self::default()
        }
    }

    /// A pair that was not even queued.
    pub(super) fn refused(answer: &Answer) -> Self {
        let reason = Some(answer.text());
        PairStatus { status: state_name(JobState::Failed), reason, ..Self::default() }
    }

    /// The same, with what was asked for.
    pub(super) fn of(self, format: &str, src: &str, dest: &str) -> Self {
        PairStatus { format: format.to_owned(), src: src.to_owned(), dest: dest.to_owned(), ..self }
    }
}

/// What has become of a delta.
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
    match status(&service, &asked).await {
        Ok(status) => Json(status).into_response(),
        Err(answer) => answer.into_response(),
    }
}

async fn status(service: &Service, asked: &Asked) -> Result<PairStatus, Answer> {
    let bad = |error: QueryError| Answer::BadQuery(error.to_string());
    let query = DeltaQuery::parse(&asked.query, service.registry()).map_err(bad)?;
    let repositories = [query.source.repository.as_str(), &query.target.repository];
    service.guard.authorize_watcher(&asked.headers, asked.peer, &repositories)?;
    let format = format(&asked.query)?;
    let pair = delta::pin(service, format, &query).await?;
    let status = PairStatus::now(service, &pair);
    Ok(status.of(format.name(), &query.source.text, &query.target.text))
}

/// The `format` of a query, v3 where there is none.
fn format(query: &str) -> Result<DeltaFormat, Answer> {
    let mut given = query.split('&').filter_map(|part| part.strip_prefix("format="));
    let format = given.next().map_or(Ok(DeltaFormat::V3), str::parse);
    format.map_err(|()| Answer::BadQuery("format is neither v2 nor v3".to_owned()))
}

/// What devices are told to pull.
fn name(service: &Service, pair: &Pair, built: &Built) -> Option<String> {
    match &built.place {
        Place::Tag { tag, .. } => Some(service.images.name(&pair.target.repository, tag)),
        Place::File { .. } | Place::NotWorth => None,
    }
}

fn state_name(state: JobState) -> &'static str {
    match state {
        JobState::Pending => "pending",
        JobState::Preparing => "preparing",
        JobState::Ready => "ready",
        JobState::Failed => "failed",
    }
}
