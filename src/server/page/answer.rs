//! Answers of the page, with what browsers are told about them.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER,
    SET_COOKIE, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use maud::Markup;

use crate::server::access::Denied;

/// Nothing but what this server serves under names of its content, and no inline script or style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every answer says. Forms say where they come from to this server alone (`same-origin`).
const HEADERS: [(HeaderName, &str); 8] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (VARY, "cookie"),
    (CACHE_CONTROL, "no-store"),
];

/// An answer with these headers and a body.
pub(super) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// A whole page.
pub(super) fn page(status: StatusCode, page: Markup) -> Response {
    answer(status, "text/html; charset=utf-8", page.into_string())
}

/// Goes on to a page of this server, perhaps with a cookie. `place` is one that this server wrote.
pub(super) fn see(place: &str, cookie: Option<&str>) -> Response {
    let mut answer = answer(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Body::empty());
    let value = |text: &str| HeaderValue::from_str(text).ok();
    if let Some(place) = value(place) {
        answer.headers_mut().insert(LOCATION, place);
    }
    if let Some(cookie) = cookie.and_then(value) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}

/// One line of text instead of a page.
pub(super) fn refuse(status: StatusCode, reason: &str) -> Response {
    answer(status, "text/plain; charset=utf-8", format!("{reason}\n"))
}

/// The answer to somebody who asks too often, or may not.
pub(super) fn denied(denied: &Denied) -> Response {
    let mut answer = refuse(denied_status(denied), &denied.to_string());
    if let Denied::TooMany { retry_after } = denied {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
    }
    answer
}

pub(super) fn denied_status(denied: &Denied) -> StatusCode {
    match denied {
        Denied::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Denied::Forbidden(_) => StatusCode::FORBIDDEN,
        Denied::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
    }
}
