//! The two endpoints that devices ask for deltas.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use futures_util::FutureExt as _;
use tokio::time::{Instant, timeout_at};

use super::answer::Answer;
use super::asked::Asked;
use super::service::Service;
use crate::Dialect;
use crate::api::{DeltaQuery, NamedImage};
use crate::server::build::{Blame, BuildError, Built, BuiltPlace};
use crate::server::images::RegistryAway;
use crate::server::jobs::{Origin, Outcome};
use crate::server::pair::{Pair, PinnedImage};

/// How long what a pair means is looked for, for whoever is not held.
const PIN_TIME: Duration = Duration::from_secs(10);

/// How often a delta that was made is looked for in vain before the device is told to ask again.
const LOOKS: usize = 3;

/// The delta image between two images.
///
/// Held until the delta is there, for about 25 seconds, or with `wait=true` until it cannot be made.
#[utoipa::path(
    get,
    path = "/api/v3/delta",
    tag = "deltas",
    params(
        ("src" = String, Query, description = "The image that the device has, `host/repository[:tag][@digest]`; percent-encoded or not"),
        ("dest" = String, Query, description = "The image that it should get"),
        ("wait" = Option<bool>, Query, description = "Wait to the end"),
    ),
    responses(
        (status = 200, description = "The image to pull: the delta, or `dest` itself where a delta is not worth it", body = super::openapi::Name, content_type = "application/json"),
        (status = 400, description = "The query makes no sense, or names another registry", body = String, content_type = "text/plain"),
        (status = 401, description = "No token, or one that does not hold", body = String, content_type = "text/plain"),
        (status = 403, description = "The token does not permit `pull` on both repositories", body = String, content_type = "text/plain"),
        (status = 404, description = "The registry has no such image", body = String, content_type = "text/plain"),
        (status = 422, description = "This delta cannot be made", body = String, content_type = "text/plain"),
        (status = 500, description = "A defect of the server", body = String, content_type = "text/plain"),
        (status = 503, description = "Too many requests, or deltas to be made; see Retry-After", body = String, content_type = "text/plain"),
        (status = 504, description = "Not there yet, ask again", body = String, content_type = "text/plain"),
    ),
    security(("token" = [])),
)]
pub(super) async fn get_v3(State(service): State<Arc<Service>>, asked: Asked) -> Answer {
    answer(&service, Dialect::V3, asked).await
}

/// The delta file between two images, for older devices.
///
/// Held as that of v3 is.
#[utoipa::path(
    get,
    path = "/api/v2/delta",
    tag = "deltas",
    params(
        ("src" = String, Query, description = "The image that the device has, `host/repository[:tag][@digest]`; percent-encoded or not"),
        ("dest" = String, Query, description = "The image that it should get"),
        ("wait" = Option<bool>, Query, description = "Wait to the end"),
    ),
    responses(
        (status = 302, description = "Where the file is: a URL that needs no credentials and expires", headers(("Location" = String))),
        (status = 400, description = "The query makes no sense, or names another registry", body = String, content_type = "text/plain"),
        (status = 401, description = "No token, or one that does not hold", body = String, content_type = "text/plain"),
        (status = 403, description = "The token does not permit `pull` on both repositories", body = String, content_type = "text/plain"),
        (status = 404, description = "The registry has no such image", body = String, content_type = "text/plain"),
        (status = 422, description = "This delta cannot be made", body = String, content_type = "text/plain"),
        (status = 500, description = "A defect of the server", body = String, content_type = "text/plain"),
        (status = 503, description = "Too many requests, or deltas to be made; see Retry-After", body = String, content_type = "text/plain"),
        (status = 504, description = "Not there yet, ask again", body = String, content_type = "text/plain"),
    ),
    security(("token" = [])),
)]
pub(super) async fn get_v2(State(service): State<Arc<Service>>, asked: Asked) -> Answer {
    answer(&service, Dialect::V2, asked).await
}

/// What is left of a request that may wait. Its headers are not: tens of thousands wait.
pub(super) struct Wanted {
    pub(super) query: DeltaQuery,
    /// Where the client thinks that the server is.
    origin: Option<String>,
    /// Who asks, if there is a limit to how much one caller may ask for.
    asker: Option<String>,
}

async fn answer(service: &Service, format: Dialect, asked: Asked) -> Answer {
    let wanted = match admitted(service, asked) {
        Ok(wanted) => wanted,
        Err(answer) => return answer,
    };
    held(service, format, wanted).boxed().await
}

/// Waits as long as the device does. Each step has memory of its own, and gives it back: tens of
/// thousands are at the longest one, which needs little.
async fn held(service: &Service, format: Dialect, wanted: Wanted) -> Answer {
    let answers = &service.settings.answers;
    let time = if wanted.query.wait { answers.wait } else { answers.long_poll };
    let deliver = timeout_at(Instant::now() + time, deliver(service, format, &wanted));
    tokio::select! {
        answer = deliver => answer.unwrap_or_else(|_| late(service)),
        () = service.door.stopping.cancelled() => Answer::Stopping,
    }
}

/// The answer to whoever was held for as long as requests are.
fn late(service: &Service) -> Answer {
    match service.jobs.are_stuck() {
        true => Answer::DatabaseAway,
        false => Answer::StillBuilding,
    }
}

/// What whoever may have it asked for.
pub(super) fn admitted(service: &Service, asked: Asked) -> Result<Wanted, Answer> {
    let query = DeltaQuery::parse(&asked.query, service.registry());
    let query = query.map_err(|error| Answer::BadQuery(error.to_string()))?;
    let repositories = [query.source.repository.as_str(), &query.target.repository];
    let caller = service.guard.authorize(&asked.headers, asked.peer, &repositories)?;
    let listen = &service.settings.listen;
    let origin = asked.origin(listen.tls.is_some(), &listen.trusted_proxies);
    Ok(Wanted { query, origin, asker: caller.limited_as() })
}

/// Waits until the delta is there and says where.
pub(super) async fn deliver(service: &Service, format: Dialect, wanted: &Wanted) -> Answer {
    let query = &wanted.query;
    let pair = match pin(service, format, query).boxed().await {
        Ok(pair) => pair,
        Err(answer) => return answer,
    };
    for _ in 0..LOOKS {
        if let Err(answer) = seen(service, query, &pair).boxed().await {
            return answer;
        }
        if let Err(error) = recall(service, &pair).boxed().await {
            return away(&error);
        }
        let origin = Origin {
            fleet: query.target.repository.clone(),
            asker: wanted.asker.clone(),
            release: false,
        };
        let request = service.jobs.request(pair.clone(), origin);
        let Ok(mut ticket) = request.boxed().await else {
            return Answer::QueueFull;
        };
        match ticket.outcome().await {
            Outcome::Ready(built) => match found(service, wanted, &pair, &built).boxed().await {
                Ok(Some(answer)) => {
                    service.metrics.delivered(&built);
                    service.jobs.delivered(&pair, &built);
                    return answer;
                }
                Ok(None) => forget(service, &pair).boxed().await,
                Err(error) => return away(&error),
            },
            Outcome::Failed(error) => return failed(&error),
            Outcome::Crowded => return Answer::QueueFull,
            Outcome::Parked => return Answer::Stopping,
        }
    }
    Answer::StillBuilding
}

/// The pair of images that a query means at this moment.
pub(super) async fn pin(
    service: &Service,
    format: Dialect,
    query: &DeltaQuery,
) -> Result<Pair, Answer> {
    let (source, target) = (pinned(service, &query.source), pinned(service, &query.target));
    let (source, target) = tokio::try_join!(source, target)?;
    Ok(Pair { format, source, target })
}

/// Makes sure that the registry has both images of a pair that the jobs do not know: a job for what
/// somebody made up would take a place in the queue.
async fn seen(service: &Service, query: &DeltaQuery, pair: &Pair) -> Result<(), Answer> {
    if service.jobs.know(pair) {
        return Ok(());
    }
    let source = there(service, &query.source, &pair.source);
    let target = there(service, &query.target, &pair.target);
    tokio::try_join!(source, target).map(|_| ())
}

/// Looks into the registry for a delta that nobody can look up in the jobs' database.
async fn recall(service: &Service, pair: &Pair) -> Result<(), RegistryAway> {
    if service.jobs.may_be_wrong_about(pair)
        && let Some(built) = service.images.find_delta(pair).await?
    {
        service.jobs.found(pair, built);
    }
    Ok(())
}

async fn there(service: &Service, named: &NamedImage, image: &PinnedImage) -> Result<(), Answer> {
    match service.images.has(image).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(missing(named)),
        Err(error) => Err(away(&error)),
    }
}

/// The pair that a query means, whose images are there or known to the jobs, for whoever is not held
/// while the registry is in trouble.
pub(super) async fn seen_soon(
    service: &Service,
    format: Dialect,
    query: &DeltaQuery,
) -> Result<Pair, Answer> {
    let found = async {
        let pair = pin(service, format, query).await?;
        seen(service, query, &pair).await?;
        Ok(pair)
    };
    tokio::time::timeout(PIN_TIME, found).await.unwrap_or(Err(Answer::RegistryAway))
}

/// The pair that a query means, for whoever is not held while the registry is in trouble.
pub(super) async fn pin_soon(
    service: &Service,
    format: Dialect,
    query: &DeltaQuery,
) -> Result<Pair, Answer> {
    let pinned = tokio::time::timeout(PIN_TIME, pin(service, format, query)).await;
    pinned.unwrap_or(Err(Answer::RegistryAway))
}

async fn pinned(service: &Service, image: &NamedImage) -> Result<PinnedImage, Answer> {
    let found = service.images.pin(image).await.map_err(|error| away(&error))?;
    found.ok_or_else(|| missing(image))
}

fn missing(image: &NamedImage) -> Answer {
    Answer::Missing(format!("{} is not in the registry", image.text))
}

/// Where the delta is that was made; `None` if it is not there any more.
async fn found(
    service: &Service,
    wanted: &Wanted,
    pair: &Pair,
    built: &Built,
) -> Result<Option<Answer>, RegistryAway> {
    match &built.place {
        BuiltPlace::NotWorth => Ok(Some(Answer::Name(wanted.query.target.text.clone()))),
        BuiltPlace::Tag { tag, digest } => {
            let repository = &pair.target.repository;
            let there = service.images.is_tagged(repository, tag, *digest).await?;
            Ok(there.then(|| Answer::Name(service.images.name(repository, tag))))
        }
        BuiltPlace::File { key } => Ok(location(service, wanted, key, built.bytes).await),
    }
}

/// The signed URL of a file of so many bytes; `None` if there is no such file any more, or another one in its place.
async fn location(service: &Service, wanted: &Wanted, key: &str, bytes: u64) -> Option<Answer> {
    match service.artifacts.get(key).await {
        Ok(Some(artifact)) if artifact.len() == bytes => {}
        Ok(_) => return None,
        // The log tells of it once.
        Err(_) => return Some(Answer::StillBuilding),
    }
    let listen = &service.settings.listen;
    let Some(origin) = listen.public_url.as_ref().or(wanted.origin.as_ref()) else {
        return Some(Answer::BadQuery("the request has no Host header".to_owned()));
    };
    let lifetime = service.settings.answers.download_expiry;
    let query = service.signer.query(key, SystemTime::now(), lifetime);
    let origin = origin.trim_end_matches('/');
    Some(Answer::Location(format!("{origin}{}{key}?{query}", super::download::PATH)))
}

async fn forget(service: &Service, pair: &Pair) {
    tracing::warn!(%pair, "a delta has vanished and is made again");
    service.jobs.forget(pair).await;
}

/// Trouble that lasts is no longer waited for: the device pulls in full, perhaps from elsewhere.
pub(super) fn away(error: &RegistryAway) -> Answer {
    tracing::debug!(%error, "the registry cannot be asked");
    match error.lasting {
        true => Answer::RegistryGone,
        false => Answer::RegistryAway,
    }
}

fn failed(error: &BuildError) -> Answer {
    match error.cause {
        Blame::Missing => Answer::Missing(error.told().to_owned()),
        Blame::Cancelled => Answer::StillBuilding,
        Blame::Registry | Blame::PushRefused | Blame::Refused | Blame::Disk | Blame::Defect => {
            Answer::Impossible(error.told().to_owned())
        }
    }
}
