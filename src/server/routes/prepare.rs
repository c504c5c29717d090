//! Deltas asked for ahead, for instance for a release.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};

use super::answer::Answer;
use super::asked::Asked;
use super::delta;
use super::pair_list::{PairList, ReadPair};
use super::service::Service;
use crate::api::{Listed, PairStatus, Pairs};
use crate::server::access::Permits;
use crate::server::jobs::Origin;
use crate::server::pair::Pair;

/// How long a list waits for the database. A pair that is not written by then is written when the database is back, if
/// the server lives that long; nobody is promised that.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// Queue deltas ahead of the devices.
///
/// For the builder, and for whoever may pull the image that devices have and push to where the delta goes. Each pair
/// has an answer of its own; one that cannot be queued keeps none of the others from it. While the database is away, pairs
/// are `unknown` with that as their reason: ask again.
#[utoipa::path(
    post,
    path = "/api/v3/prepare",
    tag = "releases",
    request_body = Pairs,
    responses(
        (status = 200, description = "What has become of each pair", body = Listed, content_type = "application/json"),
        (status = 400, description = "The list cannot be read, or has too many pairs", body = String, content_type = "text/plain"),
        (status = 408, description = "The list does not come to an end", body = String, content_type = "text/plain"),
        (status = 413, description = "The list has too many bytes", body = String, content_type = "text/plain"),
        (status = 415, description = "The list is not called JSON", body = String, content_type = "text/plain"),
        (status = 401, description = "Neither a token nor the builder credential", body = String, content_type = "text/plain"),
        (status = 403, description = "The tokens do not permit a pair: `pull` on `src` and `push` on `dest`", body = String, content_type = "text/plain"),
        (status = 503, description = "Too many requests; see Retry-After", body = String, content_type = "text/plain"),
    ),
    security(("token" = []), ("builder" = [])),
)]
pub(super) async fn post(
    State(service): State<Arc<Service>>,
    asked: Asked,
    request: Request,
) -> Result<Json<Listed>, Answer> {
    let list = PairList::read(&service, asked, request).await?;
    of_list(&service, list).await.map(Json)
}

/// Queues each delta of a list.
pub(super) async fn of_list(service: &Service, mut list: PairList) -> Result<Listed, Answer> {
    // The turn of another's fleet is not a token's to take.
    let fleet = list.fleet.take().filter(|_| list.permits.are_builders());
    let asker = list.permits.caller().limited_as();
    let seen = async |pair: ReadPair| {
        let (_, target) = pair.repositories();
        let fleet = fleet.clone().unwrap_or_else(|| target.to_owned());
        let origin = Origin { fleet, asker: asker.clone(), release: true };
        Ok((delta::seen_soon(service, pair.format, &pair.query).await?, origin))
    };
    let is_away = AtomicBool::new(false);
    let queued = async |(pair, origin)| queue(service, pair, origin, &is_away).await;
    let permitted = |permits: &Permits, pair: &ReadPair| {
        let (source, target) = pair.repositories();
        Ok(permits.prepare(source, target)?)
    };
    list.answered(service, permitted, seen, queued).await
}

/// Queues a delta. Once one of a list's pairs has waited for the database in vain, no other one does.
async fn queue(
    service: &Service,
    pair: Pair,
    origin: Origin,
    is_away: &AtomicBool,
) -> Result<PairStatus, Answer> {
    let time = if is_away.load(Ordering::Relaxed) { Duration::ZERO } else { WRITE_TIME };
    // Nobody waits: a release's job goes on all the same.
    let ticket = tokio::time::timeout(time, service.jobs.request(pair.clone(), origin)).await;
    if service.door.stopping.is_cancelled() {
        return Err(Answer::Stopping);
    }
    let Ok(ticket) = ticket else {
        is_away.store(true, Ordering::Relaxed);
        return Err(Answer::DatabaseAway);
    };
    ticket.map_err(|_| Answer::QueueFull)?;
    Ok(PairStatus::now(service, &pair))
}
