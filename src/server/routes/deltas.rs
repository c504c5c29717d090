//! The endpoint for hosts that take deltas of several formats: all that is ready, the smallest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::answer::Answer;
use super::asked::Asked;
use super::delta::{Wanted, admitted, deliver};
use super::service::Service;
use super::status::known;
use crate::Dialect;
use crate::api::{Deltas, PairState, PairStatus, ReadyDelta};

/// The deltas between two images that are ready, the smallest first.
///
/// Answered at once, and nothing is begun. With `wait=true` the delta of Remora's own format is made if it is not there, and
/// the request held for it, for about 25 seconds; then what is ready is told.
#[utoipa::path(
    get,
    path = "/api/deltas",
    tag = "deltas",
    params(
        ("src" = String, Query, description = "The image that the host has, `host/repository[:tag][@digest]`; percent-encoded or not"),
        ("dest" = String, Query, description = "The image that it should get"),
        ("wait" = Option<bool>, Query, description = "Have the one of the format `remora` made, and wait for it"),
    ),
    responses(
        (status = 200, description = "What is ready, perhaps nothing", body = Deltas, content_type = "application/json"),
        (status = 400, description = "The query makes no sense, or names another registry", body = String, content_type = "text/plain"),
        (status = 401, description = "No token, or one that does not hold", body = String, content_type = "text/plain"),
        (status = 403, description = "The token does not permit `pull` on both repositories", body = String, content_type = "text/plain"),
        (status = 404, description = "The registry has no such image", body = String, content_type = "text/plain"),
        (status = 503, description = "Too many requests; see Retry-After", body = String, content_type = "text/plain"),
        (status = 504, description = "The registry cannot be asked", body = String, content_type = "text/plain"),
    ),
    security(("token" = [])),
)]
pub(super) async fn get(State(service): State<Arc<Service>>, asked: Asked) -> Response {
    match answer(&service, asked).await {
        Ok(deltas) => Json(deltas).into_response(),
        Err(answer) => answer.into_response(),
    }
}

async fn answer(service: &Service, asked: Asked) -> Result<Deltas, Answer> {
    let wanted = admitted(service, asked)?;
    if wanted.query.wait {
        made(service, &wanted).boxed().await?;
    }
    let of_format = |format| known(service, format, &wanted.query);
    let states = join_all(Dialect::beside_images().map(of_format)).await;
    let states: Vec<PairStatus> = states.into_iter().collect::<Result<_, _>>()?;
    let mut deltas: Vec<ReadyDelta> = Dialect::beside_images()
        .zip(&states)
        .filter_map(|(format, state)| ready(format, state))
        .collect();
    deltas.sort_by_key(|delta| delta.size);
    Ok(Deltas { pull_size: states.iter().find_map(|state| state.pull_size), deltas })
}

/// Waits until the delta of Remora's own format is there. That it can't be made is no failure here: others may be there.
async fn made(service: &Service, wanted: &Wanted) -> Result<(), Answer> {
    let deliver = deliver(service, Dialect::Remora, wanted);
    tokio::select! {
        _ = tokio::time::timeout(service.settings.answers.long_poll, deliver) => Ok(()),
        () = service.door.stopping.cancelled() => Err(Answer::Stopping),
    }
}

/// The delta, if it is ready and worth it.
fn ready(format: Dialect, state: &PairStatus) -> Option<ReadyDelta> {
    let is_there = state.status == PairState::Ready && state.reason.is_none();
    let name = state.name.clone().filter(|_| is_there)?;
    Some(ReadyDelta { format: format.name().to_owned(), name, size: state.size? })
}
