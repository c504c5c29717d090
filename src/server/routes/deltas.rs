//! The endpoint for hosts that take deltas of several formats: all that is ready, the smallest first.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::answer::Answer;
use super::asked::Asked;
use super::delta::{Wanted, admitted, deliver};
use super::service::Service;
use super::status::known;
use crate::Dialect;
use crate::api::{ComingDelta, Deltas, PairState, PairStatus, ReadyDelta, RefusedDelta};

/// When somebody is asked to come back for a delta that is being made.
const COMING_PAUSE: Duration = Duration::from_secs(10);

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
        (status = 200, description = "What is ready, perhaps nothing, and what is being made; see Retry-After if something is", body = Deltas, content_type = "application/json", headers(("Retry-After" = Option<u64>))),
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
        Ok(deltas) if deltas.coming.is_empty() => Json(deltas).into_response(),
        Ok(deltas) => {
            let pause = HeaderValue::from(COMING_PAUSE.as_secs());
            ([(RETRY_AFTER, pause)], Json(deltas)).into_response()
        }
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
    let of_states = || Dialect::beside_images().zip(&states);
    let mut deltas: Vec<ReadyDelta> =
        of_states().filter_map(|(format, state)| ready(format, state)).collect();
    deltas.sort_by_key(|delta| delta.size);
    Ok(Deltas {
        pull_size: states.iter().find_map(|state| state.pull_size),
        deltas,
        coming: of_states().filter_map(|(format, state)| coming(format, state)).collect(),
        refused: of_states().filter_map(|(format, state)| refused(format, state)).collect(),
    })
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

/// The delta, if it is made or waits for its turn.
fn coming(format: Dialect, state: &PairStatus) -> Option<ComingDelta> {
    let is_coming = matches!(state.status, PairState::Pending | PairState::Preparing);
    is_coming.then(|| ComingDelta {
        format: format.name().to_owned(),
        status: state.status,
        position: state.position,
        stage: state.stage.clone(),
        percent: state.percent,
        reason: state.reason.clone(),
    })
}

/// The delta, if it can't be made or is not worth it.
fn refused(format: Dialect, state: &PairStatus) -> Option<RefusedDelta> {
    let is_done = matches!(state.status, PairState::Ready | PairState::Failed);
    let reason = state.reason.clone().filter(|_| is_done)?;
    Some(RefusedDelta { format: format.name().to_owned(), reason })
}
