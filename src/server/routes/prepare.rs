//! Deltas asked for ahead, for instance for a release.

use std::sync::Arc;

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

/// Queue deltas ahead of the devices.
///
/// For the builder, and for whoever may pull the image that devices have and push to where the delta goes. Each pair
/// has an answer of its own; one that cannot be queued keeps none of the others from it.
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
    let queued = async |(pair, origin)| queue(service, pair, origin).await;
    let permitted = |permits: &Permits, pair: &ReadPair| {
        let (source, target) = pair.repositories();
        Ok(permits.prepare(source, target)?)
    };
    list.answered(service, permitted, seen, queued).await
}

async fn queue(service: &Service, pair: Pair, origin: Origin) -> Result<PairStatus, Answer> {
    // Nobody waits: a release's job goes on all the same.
    let ticket = service.jobs.request(pair.clone(), origin).await;
    ticket.map_err(|_| Answer::QueueFull)?;
    Ok(PairStatus::now(service, &pair))
}
