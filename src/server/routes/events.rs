//! Changes of jobs as they happen (server-sent events, HTML standard, section 9.2).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::answer::refusal;
use super::asked::Asked;
use super::service::Service;
use crate::api::PairStatus;
use crate::server::jobs::JobEvent;

/// How often a stream without events gives a sign of life: proxies cut what is silent for a minute.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// Changes of all jobs as they happen.
///
/// Each event is of the type `job` and has a JSON object as its data. An event of the type `gap` says
/// that some were left out because they came too fast: ask for the status then.
#[utoipa::path(
    get,
    path = "/api/v3/events",
    tag = "releases",
    responses(
        (status = 200, description = "A stream of events, until the server stops", body = PairStatus, content_type = "text/event-stream"),
        (status = 401, description = "No builder credential", body = String, content_type = "text/plain"),
        (status = 403, description = "The credential does not permit this", body = String, content_type = "text/plain"),
        (status = 503, description = "Too many requests; see Retry-After", body = String, content_type = "text/plain"),
    ),
    security(("builder" = [])),
)]
pub(super) async fn get(State(service): State<Arc<Service>>, asked: Asked) -> Response {
    if let Err(denied) = service.guard.authorize_builder(&asked.headers, asked.peer) {
        return refusal(denied);
    }
    let receiver = service.jobs.events();
    let stopping = service.door.stopping.clone().cancelled_owned();
    let events = events(service, receiver).take_until(stopping);
    let alive = KeepAlive::new().interval(SIGN_OF_LIFE);
    Sse::new(events).keep_alive(alive).into_response()
}

fn events(
    service: Arc<Service>,
    receiver: Receiver<JobEvent>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold((service, receiver), |(service, mut receiver)| async move {
        let event = match receiver.recv().await {
            Ok(event) => told(&service, &event),
            Err(RecvError::Lagged(_)) => Event::default().event("gap").data("{}"),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), (service, receiver)))
    })
}

fn told(service: &Service, event: &JobEvent) -> Event {
    let status = PairStatus::told(service, &event.pair, event.status.as_ref());
    let named = Event::default().event("job");
    named.json_data(status).expect("plain data")
}
