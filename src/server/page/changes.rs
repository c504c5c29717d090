//! Changes of the jobs that a session may see, as they happen (server-sent events), for pages that are open.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, stream};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::answer::refuse;
use super::session::Session;
use super::{names, rows, visit};
use crate::server::jobs::JobEvent;
use crate::server::routes::{Asked, Service};

/// How often a stream without changes gives a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// A change as the script hears it. It names no image: the script knows those that the page shows.
#[derive(Serialize)]
struct Change {
    job: String,
    /// `gone` if there is no such job any more.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u8>,
}

/// A stream of changes, until the session ends or the server stops.
pub(super) async fn get(State(service): State<Arc<Service>>, asked: Asked) -> Response {
    let session = match visit::session(&service, &asked) {
        Ok(Some(session)) => session,
        Ok(None) => return refuse(StatusCode::UNAUTHORIZED, "sign in first"),
        Err(answer) => return *answer,
    };
    let Some(permit) = service.streams.place() else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open");
    };
    let end = session.left(SystemTime::now());
    let stopping = service.door.stopping.clone().cancelled_owned();
    let over = async move {
        // No timer goes on for ever; a day is as good.
        let end = end.min(Duration::from_secs(86_400));
        let _ = tokio::time::timeout(end, stopping).await;
    };
    let changes = changes(service.jobs.events(), session, permit).take_until(over);
    let alive = KeepAlive::new().interval(SIGN_OF_LIFE);
    let mut answer = Sse::new(changes).keep_alive(alive).into_response();
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn changes(
    events: Receiver<JobEvent>,
    session: Session,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let state = (events, session, permit);
    stream::unfold(state, |(mut events, session, permit)| async move {
        let event = loop {
            match events.recv().await {
                Ok(event) if session.sees(&event.pair) => break told(&event),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => break Event::default().event("gap").data("{}"),
                Err(RecvError::Closed) => return None,
            }
        };
        Some((Ok(event), (events, session, permit)))
    })
}

fn told(event: &JobEvent) -> Event {
    let status = event.status.as_ref();
    let change = Change {
        job: names::key(&event.pair),
        state: status.map_or("gone", |status| rows::state_name(status.state)),
        stage: status.and_then(|status| status.stage).map(|stage| stage.name()),
        percent: status.and_then(|status| status.percent),
    };
    Event::default().event("job").json_data(change).expect("plain data")
}
