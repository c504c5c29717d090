//! Every answer of the delta endpoints. What each makes a device do is in
//! `docs/server.md`; a wrong status costs a full pull, or a device that asks for ever.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::server::access::Denied;

/// What a full queue or a stopping server asks a client to wait.
const BUSY_PAUSE: Duration = Duration::from_secs(30);

/// An answer of a delta endpoint.
#[derive(Debug)]
pub(super) enum Answer {
    /// 200: pull this image. A supervisor that is told its own target pulls that in full.
    Name(String),
    /// 302: fetch this file.
    Location(String),
    /// 400: what was asked for makes no sense, or is another registry's.
    BadQuery(String),
    /// 408, 413, 415 or 400: a request's body cannot be taken, and why.
    BadBody(StatusCode, String),
    /// 401, 403 or 503.
    Denied(Denied),
    /// 404: the registry has no such image.
    Missing(String),
    /// 422: such a delta cannot be made; the device pulls in full.
    Impossible(String),
    /// 503: too much is to be made already.
    QueueFull,
    /// 503: this server only builds; others answer.
    BuildsOnly,
    /// 504: it is being made; ask again.
    StillBuilding,
    /// 504: the registry cannot be asked at the moment.
    RegistryAway,
    /// 422: the registry could not be asked for so long that devices pull in full, perhaps from elsewhere.
    RegistryGone,
    /// 504: the database does not take what is to be promised.
    DatabaseAway,
    /// 504: the server stops; the next one goes on.
    Stopping,
    /// 500: a defect.
    Defect,
}

/// What metrics call an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerLabel(pub(crate) &'static str);

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Answer::Name(_) => StatusCode::OK,
            Answer::Location(_) => StatusCode::FOUND,
            Answer::BadQuery(_) => StatusCode::BAD_REQUEST,
            Answer::BadBody(status, _) => *status,
            Answer::Denied(denied) => denied_status(denied),
            Answer::Missing(_) => StatusCode::NOT_FOUND,
            Answer::Impossible(_) | Answer::RegistryGone => StatusCode::UNPROCESSABLE_ENTITY,
            Answer::QueueFull | Answer::BuildsOnly => StatusCode::SERVICE_UNAVAILABLE,
            Answer::StillBuilding
            | Answer::RegistryAway
            | Answer::DatabaseAway
            | Answer::Stopping => StatusCode::GATEWAY_TIMEOUT,
            Answer::Defect => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn label(&self) -> &'static str {
        match self {
            Answer::Name(_) => "name",
            Answer::Location(_) => "location",
            Answer::BadQuery(_) => "bad_query",
            Answer::BadBody(..) => "bad_body",
            Answer::Denied(denied) => denied_label(denied),
            Answer::Missing(_) => "missing",
            Answer::Impossible(_) => "impossible",
            Answer::QueueFull => "queue_full",
            Answer::BuildsOnly => "builds_only",
            Answer::StillBuilding => "still_building",
            Answer::RegistryAway => "registry_away",
            Answer::RegistryGone => "registry_gone",
            Answer::DatabaseAway => "database_away",
            Answer::Stopping => "stopping",
            Answer::Defect => "defect",
        }
    }

    /// The line that a person reads.
    pub(super) fn text(&self) -> String {
        match self {
            Answer::Name(name) => json!({ "name": name }).to_string(),
            Answer::Location(_) => String::new(),
            Answer::BadQuery(text)
            | Answer::BadBody(_, text)
            | Answer::Missing(text)
            | Answer::Impossible(text) => text.clone(),
            Answer::Denied(denied) => denied.to_string(),
            Answer::QueueFull => "too many deltas are waiting to be made".to_owned(),
            Answer::BuildsOnly => "this server only builds, ask another".to_owned(),
            Answer::StillBuilding => "the delta is being made, ask again".to_owned(),
            Answer::RegistryAway => "the registry cannot be asked, ask again".to_owned(),
            Answer::RegistryGone => "the registry has not been well for too long".to_owned(),
            Answer::DatabaseAway => "the server's database does not answer, ask again".to_owned(),
            Answer::Stopping => "the server is stopping, ask again".to_owned(),
            Answer::Defect => "internal error".to_owned(),
        }
    }

    fn header(&self) -> Option<(HeaderName, String)> {
        match self {
            Answer::Location(url) => Some((LOCATION, url.clone())),
            Answer::Denied(denied) => denied_header(denied),
            Answer::QueueFull | Answer::BuildsOnly => {
                Some((RETRY_AFTER, BUSY_PAUSE.as_secs().to_string()))
            }
            _ => None,
        }
    }
}

impl From<Denied> for Answer {
    fn from(denied: Denied) -> Self {
        Answer::Denied(denied)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (status, label, header) = (self.status(), AnswerLabel(self.label()), self.header());
        // balenahup reads `name` of whatever is JSON, so nothing else is.
        let kind = match self {
            Answer::Name(_) => "application/json",
            _ => "text/plain; charset=utf-8",
        };
        let mut response = Response::new(Body::from(self.text()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, value)) = header
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            headers.insert(name, value);
        }
        response.extensions_mut().insert(label);
        response
    }
}

/// The answer to somebody who may not, on endpoints that are no delta's.
pub(super) fn refusal(denied: Denied) -> Response {
    Answer::Denied(denied).into_response()
}

fn denied_status(denied: &Denied) -> StatusCode {
    match denied {
        Denied::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Denied::Forbidden(_) => StatusCode::FORBIDDEN,
        // Never 429: any 4xx but 401 makes a supervisor pull in full.
        Denied::TooMany { .. } => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn denied_label(denied: &Denied) -> &'static str {
    match denied {
        Denied::Unauthenticated(_) => "unauthenticated",
        Denied::Forbidden(_) => "forbidden",
        Denied::TooMany { .. } => "rate_limited",
    }
}

fn denied_header(denied: &Denied) -> Option<(HeaderName, String)> {
    match denied {
        Denied::Unauthenticated(_) => Some((WWW_AUTHENTICATE, "Bearer".to_owned())),
        Denied::Forbidden(_) => None,
        Denied::TooMany { retry_after } => Some((RETRY_AFTER, retry_after.as_secs().to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_is_json_and_only_401_and_503_ask_for_more() {
        let too_many = Denied::TooMany { retry_after: Duration::from_secs(3) };
        for (answer, status, header) in [
            (Answer::Name("r/a:b".to_owned()), 200, None),
            (Answer::Location("http://a/b".to_owned()), 302, Some(("location", "http://a/b"))),
            (Answer::BadQuery("no".to_owned()), 400, None),
            (Answer::BadBody(StatusCode::PAYLOAD_TOO_LARGE, "no".to_owned()), 413, None),
            (Answer::Denied(Denied::Forbidden("no".to_owned())), 403, None),
            (Answer::Denied(too_many), 503, Some(("retry-after", "3"))),
            (Answer::Missing("no".to_owned()), 404, None),
            (Answer::Impossible("no".to_owned()), 422, None),
            (Answer::QueueFull, 503, Some(("retry-after", "30"))),
            (Answer::BuildsOnly, 503, Some(("retry-after", "30"))),
            (Answer::StillBuilding, 504, None),
            (Answer::RegistryAway, 504, None),
            (Answer::DatabaseAway, 504, None),
            (Answer::RegistryGone, 422, None),
            (Answer::Stopping, 504, None),
            (Answer::Defect, 500, None),
        ] {
            let response = answer.into_response();
            assert_eq!(response.status(), status);
            let json = response.headers()[CONTENT_TYPE] == "application/json";
            assert_eq!(json, status == 200);
            if let Some((name, value)) = header {
                assert_eq!(response.headers()[name], value);
            }
        }
    }
}
