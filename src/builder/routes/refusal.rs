//! Answers that refuse. The balena CLI shows the reason phrase and never the body, so the reason is in both.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::ext::ReasonPhrase;

/// Bytes of a reason phrase: it is shown whole, on one line.
const MAX_REASON: usize = 300;

/// A refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Refusal { status, reason: reason.into() }
    }

    /// The reason as it may stand in a status line (RFC 9112, section 4).
    fn phrase(&self) -> Option<ReasonPhrase> {
        let plain = self.reason.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' });
        let plain: String = plain.take(MAX_REASON).collect();
        ReasonPhrase::try_from(plain.into_bytes()).ok()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(format!("{}\n", self.reason)));
        *response.status_mut() = self.status;
        let kind = header::HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(phrase) = self.phrase() {
            response.extensions_mut().insert(phrase);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
