//! The files of v2 deltas. Devices fetch them without credentials, so the URL carries its own
//! permission, and in pieces, so what is under a URL never changes.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE,
    RANGE, RETRY_AFTER,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt as _;

use super::asked::Asked;
use super::range::{Part, part};
use super::service::Service;
use crate::Dialect;
use crate::server::artifacts::Artifact;

/// What a download's path begins with; the key follows.
pub(super) const PATH: &str = "/api/v2/download/";

/// A proxy that compressed a file would take the length from it that clients count on.
const CACHING: &str = "private, max-age=31536000, immutable, no-transform";

/// What a client waits when the files cannot be had, in seconds.
const PAUSE: &str = "10";

/// The file of a v2 delta.
///
/// The URL comes from `/api/v2/delta` and holds for a day.
#[utoipa::path(
    get,
    path = "/api/v2/download/{key}",
    tag = "deltas",
    params(
        ("key" = String, Path, description = "The file"),
        ("expires" = String, Query, description = "Until when the URL holds"),
        ("signature" = String, Query, description = "Proof that the server gave it out"),
    ),
    responses(
        (status = 200, description = "All of it", body = [u8], content_type = "application/octet-stream"),
        (status = 206, description = "The range that was asked for", body = [u8], content_type = "application/octet-stream"),
        (status = 403, description = "The URL was not given out by this server, or has expired", body = String, content_type = "text/plain"),
        (status = 404, description = "The file is not kept any more", body = String, content_type = "text/plain"),
        (status = 416, description = "The file does not have this range", body = String, content_type = "text/plain"),
        (status = 503, description = "The file cannot be had at the moment; see Retry-After", body = String, content_type = "text/plain"),
    ),
)]
pub(super) async fn get(
    State(service): State<Arc<Service>>,
    Path(key): Path<String>,
    asked: Asked,
) -> Response {
    match open(&service, &key, &asked).await {
        Ok(artifact) => send(&service, &key, artifact, &asked.headers).await,
        Err(refusal) => refusal,
    }
}

/// The head of what GET answers.
#[utoipa::path(
    head,
    path = "/api/v2/download/{key}",
    tag = "deltas",
    params(
        ("key" = String, Path, description = "The file"),
        ("expires" = String, Query, description = "Until when the URL holds"),
        ("signature" = String, Query, description = "Proof that the server gave it out"),
    ),
    responses(
        (status = 200, description = "The file is there"),
        (status = 403, description = "The URL was not given out by this server, or has expired"),
        (status = 404, description = "The file is not kept any more"),
        (status = 503, description = "The file cannot be had at the moment; see Retry-After"),
    ),
)]
pub(super) async fn head(
    State(service): State<Arc<Service>>,
    Path(key): Path<String>,
    asked: Asked,
) -> Response {
    match open(&service, &key, &asked).await {
        Ok(artifact) => whole(&key, artifact.len(), Body::empty()),
        Err(refusal) => refusal,
    }
}

/// The file, if the URL permits it.
async fn open(service: &Service, key: &str, asked: &Asked) -> Result<Artifact, Response> {
    let refuse = |status: StatusCode, text: String| (status, text).into_response();
    if let Err(denied) = service.signer.check(key, &asked.query, SystemTime::now()) {
        return Err(refuse(StatusCode::FORBIDDEN, denied.to_string()));
    }
    let found = service.artifacts.get(key).await.map_err(|error| unavailable(&error))?;
    found.ok_or_else(|| refuse(StatusCode::NOT_FOUND, "the file is not kept any more".to_owned()))
}

/// The part of the file that the headers ask for.
async fn send(
    service: &Arc<Service>,
    key: &str,
    artifact: Artifact,
    headers: &HeaderMap,
) -> Response {
    let size = artifact.len();
    match wanted(headers, key, size) {
        Part::Nothing => {
            let range = [(CONTENT_RANGE, format!("bytes */{size}"))];
            (StatusCode::RANGE_NOT_SATISFIABLE, range, "there is no such range").into_response()
        }
        Part::Whole => match body(service, artifact, 0..size).await {
            Ok(body) => whole(key, size, body),
            Err(refusal) => refusal,
        },
        Part::Bytes(range) => match body(service, artifact, range.clone()).await {
            Ok(body) => piece(key, size, &range, body),
            Err(refusal) => refusal,
        },
    }
}

/// What `Range` asks for, unless `If-Range` names something else (RFC 9110, section 13.1.5).
fn wanted(headers: &HeaderMap, key: &str, size: u64) -> Part {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let same = text(IF_RANGE).is_none_or(|known| known == etag(key));
    part(text(RANGE).filter(|_| same), size)
}

async fn body(
    service: &Arc<Service>,
    artifact: Artifact,
    range: Range<u64>,
) -> Result<Body, Response> {
    if range.is_empty() {
        return Ok(Body::empty());
    }
    let download = artifact.read(range).await.map_err(|error| unavailable(&error))?;
    let service = Arc::clone(service);
    let counted = download.inspect_ok(move |piece| service.metrics.downloaded(piece.len() as u64));
    Ok(Body::from_stream(counted))
}

fn whole(key: &str, size: u64, body: Body) -> Response {
    let length = [(CONTENT_LENGTH, size.to_string())];
    (StatusCode::OK, constant(key), length, body).into_response()
}

fn piece(key: &str, size: u64, range: &Range<u64>, body: Body) -> Response {
    let Range { start, end } = range;
    let headers = [
        (CONTENT_LENGTH, (end - start).to_string()),
        (CONTENT_RANGE, format!("bytes {start}-{}/{size}", end - 1)),
    ];
    (StatusCode::PARTIAL_CONTENT, constant(key), headers, body).into_response()
}

/// The headers that all parts of a file have.
fn constant(key: &str) -> [(axum::http::HeaderName, String); 4] {
    [
        (ACCEPT_RANGES, "bytes".to_owned()),
        (CACHE_CONTROL, CACHING.to_owned()),
        (CONTENT_TYPE, Dialect::V2.media_type().to_owned()),
        (ETAG, etag(key)),
    ]
}

/// A key stands for one content for ever.
fn etag(key: &str) -> String {
    format!("\"{key}\"")
}

fn unavailable(error: &crate::server::ServerError) -> Response {
    tracing::error!(%error, "a download failed");
    let pause = [(RETRY_AFTER, PAUSE)];
    (StatusCode::SERVICE_UNAVAILABLE, pause, "the file cannot be had now").into_response()
}
