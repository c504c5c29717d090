//! A name for every request, the client's or one of ours, in the answer and in all log lines.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use tracing::{Span, field};

/// The header that proxies and servers agree on.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest name of a client's that is taken: UUIDs and their like are shorter.
const MAX_LENGTH: usize = 64;

/// Bytes of a path that are logged. Paths are ASCII (RFC 3986, section 2).
const MAX_SHOWN: usize = 200;

/// The name of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// The client's own, if it is one that can stand in a log; otherwise a new one.
    pub(crate) fn of(request: &Request) -> Self {
        let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
        let harmless = |text: &&str| {
            !text.is_empty()
                && text.len() <= MAX_LENGTH
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        given.filter(harmless).map_or_else(Self::random, |text| RequestId(text.to_owned()))
    }

    fn random() -> Self {
        let number = getrandom::u64().unwrap_or_default();
        RequestId(format!("{number:016x}"))
    }
}

/// As much of a path as a log line has: the routes are shorter, and clients send what they like.
fn shown(path: &str) -> &str {
    path.split_at_checked(MAX_SHOWN).map_or(path, |(start, _)| start)
}

impl RequestId {
    /// What is logged meanwhile stands under this name.
    pub(crate) fn span(&self, request: &Request) -> Span {
        let (method, path) = (request.method(), shown(request.uri().path()));
        tracing::info_span!("request", id = self.0, %method, path, caller = field::Empty)
    }

    /// Repeats the name in the answer.
    pub(crate) fn name(&self, answer: &mut Response) {
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            answer.headers_mut().insert(HEADER, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(given: &str) -> String {
        let request = Request::builder().header(HEADER, given).body(axum::body::Body::empty());
        RequestId::of(&request.expect("a request")).0
    }

    #[test]
    fn a_path_is_logged_in_part() {
        assert_eq!(shown("/healthz"), "/healthz");
        assert_eq!(shown(&"/".repeat(60_000)).len(), MAX_SHOWN);
    }

    #[test]
    fn a_harmless_name_is_kept_and_another_replaced() {
        for kept in ["a", "8f14e45f-ceea-467f-a5d5-27f7b1f0d3c1", "A_b.c"] {
            assert_eq!(id_of(kept), kept);
        }
        for replaced in ["", "a b", "{\"a\":1}", &"a".repeat(65)] {
            let id = id_of(replaced);
            assert!(id.len() == 16 && id != replaced, "{id}");
        }
    }
}
