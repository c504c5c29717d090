//! `POST /v3/build`: a push.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::caller::{admit, defect};
use super::receive::{receive, stopping};
use super::refusal::Refusal;
use crate::builder::answer::{AnswerBody, Queue, Screen};
use crate::builder::making::{Begun, Job, make};
use crate::builder::push::Push;
use crate::builder::running::Ending;
use crate::builder::service::Service;

/// Takes a project and builds it; the answer tells as it goes.
pub(super) async fn post(
    State(service): State<Arc<Service>>,
    parameters: Result<Query<Vec<(String, String)>>, QueryRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    if service.door.stopping.is_cancelled() {
        return Err(stopping());
    }
    let bad = |reason: String| Refusal::new(StatusCode::BAD_REQUEST, reason);
    let Query(parameters) = parameters.map_err(|error| bad(error.body_text()))?;
    let push = Push::read(&parameters).map_err(bad)?;
    let (head, body) = request.into_parts();
    let caller = admit(&service, &head.headers, &push.fleet).await?;
    let turn = service.crowd.enter(&caller.user).ok_or_else(|| too_many(&service))?;
    let project = receive(&service, body).await?;
    let (queue, ending) = (Arc::new(Queue::default()), Ending::default());
    let is_headless = push.is_headless;
    let (begun, beginning) = oneshot::channel();
    let screen = Screen::new(Arc::clone(&queue));
    let job = Job { push, caller, turn, project, screen, ending: ending.clone(), begun };
    make(Arc::clone(&service), job).map_err(|error| no_thread(&error))?;
    match is_headless {
        true => Ok(headless(&beginning.await.map_err(|_| defect())?)),
        false => Ok(json_answer(answer(&service, queue, ending).into_body())),
    }
}

/// Whether the build began, in one object, as the CLI expects it of a detached push.
fn headless(begun: &Begun) -> Response {
    let told: Value = match begun {
        Begun::Release(id) => json!({ "started": true, "releaseId": id }),
        Begun::Not(reason) => json!({ "started": false, "error": reason, "message": reason }),
    };
    json_answer(Body::from(told.to_string()))
}

fn answer(service: &Service, queue: Arc<Queue>, ending: Ending) -> AnswerBody {
    AnswerBody::new(queue, ending.token, service.settings.heartbeat)
}

fn json_answer(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn too_many(service: &Service) -> Refusal {
    let count = service.settings.projects.pushes_of_a_user;
    let reason =
        format!("You have {count} pushes going on or waiting here: push again when one has ended");
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, reason)
}

fn no_thread(error: &std::io::Error) -> Refusal {
    let reason = format!("The builder has no room for another build: {error}");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason)
}
