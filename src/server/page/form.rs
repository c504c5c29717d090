//! Forms that browsers send, and queries.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::answer::refuse;

/// Bytes of a form: a token, or a pair.
const MAX_BYTES: usize = 32 << 10;
/// How long a form may take to come.
const TIME: Duration = Duration::from_secs(10);
const FORM: &str = "application/x-www-form-urlencoded";

/// The fields of a form.
pub(super) async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Box<Response>> {
    let bad = |status, reason| Box::new(refuse(status, reason));
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.and_then(|kind| kind.split(';').next()).map(str::trim) != Some(FORM) {
        return Err(bad(StatusCode::UNSUPPORTED_MEDIA_TYPE, "this is no form"));
    }
    let late = |_| bad(StatusCode::REQUEST_TIMEOUT, "the form did not come to an end");
    let body = tokio::time::timeout(TIME, to_bytes(request.into_body(), MAX_BYTES));
    let large = |_| bad(StatusCode::PAYLOAD_TOO_LARGE, "the form is too long");
    let body = body.await.map_err(late)?.map_err(large)?;
    let odd = |_| bad(StatusCode::BAD_REQUEST, "the form makes no sense");
    serde_urlencoded::from_bytes(&body).map_err(odd)
}

/// The fields of a query; of one that makes no sense, none.
pub(super) fn query<T: DeserializeOwned + Default>(query: &str) -> T {
    serde_urlencoded::from_str(query).unwrap_or_default()
}
