//! Whether the server lives, and whether it can work.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::service::Service;

/// How long a check may take: those who ask give up after a few seconds.
const CHECK_TIME: Duration = Duration::from_secs(4);

/// The same for a database that is known to be in trouble.
const AWAY_TIME: Duration = Duration::from_secs(1);

/// For how long no job could be written down before the server counts as sick: a full disk, or a
/// database that a restart may mend. Whoever restarts the server for that must not do so at once.
const MAX_UNWRITTEN: Duration = Duration::from_secs(180);

/// The least free space that a build or a database is left to work with.
const MIN_FREE_BYTES: u64 = 64 << 20;

/// Whether the server is alive.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operation",
    responses(
        (status = 200, description = "It is", body = String, content_type = "text/plain"),
        (status = 503, description = "No job could be written down for minutes", body = String, content_type = "text/plain"),
    ),
)]
pub(super) async fn healthz(State(service): State<Arc<Service>>) -> Response {
    health(service.jobs.unwritten_for())
}

fn health(unwritten: Option<Duration>) -> Response {
    match unwritten.filter(|time| *time >= MAX_UNWRITTEN) {
        None => "ok\n".into_response(),
        Some(time) => {
            let minutes = time.as_secs() / 60;
            unready(format!("database: no job could be written down for {minutes} minutes\n"))
        }
    }
}

/// Whether the server can work: the registry answers, the database takes writes, the disk has room.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "It can", body = String, content_type = "text/plain"),
        (status = 503, description = "It cannot; one line for everything that is in the way", body = String, content_type = "text/plain"),
    ),
)]
pub(super) async fn readyz(State(service): State<Arc<Service>>) -> Response {
    let (registry, database) = tokio::join!(registry(&service), database(&service));
    let stopping =
        service.door.stopping.is_cancelled().then(|| "the server is stopping".to_owned());
    let problems: Vec<String> =
        [registry, database, disk(&service), stopping].into_iter().flatten().collect();
    match problems.is_empty() {
        true => "ok\n".into_response(),
        false => unready(problems.join("\n") + "\n"),
    }
}

fn unready(problems: String) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, problems).into_response()
}

async fn registry(service: &Service) -> Option<String> {
    let Ok(reached) = tokio::time::timeout(CHECK_TIME, service.images.reach()).await else {
        return Some(format!("registry: {}", silent(CHECK_TIME)));
    };
    Some(format!("registry: {}", reached.err()?))
}

async fn database(service: &Service) -> Option<String> {
    let time = if service.jobs.are_stuck() { AWAY_TIME } else { CHECK_TIME };
    let Ok(checked) = tokio::time::timeout(time, service.jobs.check()).await else {
        let trouble = service.jobs.trouble().unwrap_or_else(|| silent(time));
        return Some(format!("database: {trouble}"));
    };
    Some(format!("database: {}", checked.err()?))
}

fn silent(time: Duration) -> String {
    format!("no answer within {} s", time.as_secs())
}

fn disk(service: &Service) -> Option<String> {
    let folder = &service.settings.data.folder;
    match rustix::fs::statvfs(folder) {
        Ok(space) if space.f_bavail.saturating_mul(space.f_frsize) >= MIN_FREE_BYTES => None,
        Ok(_) => Some(format!("disk: {} is full", folder.display())),
        Err(error) => Some(format!("disk: cannot look at {}: {error}", folder.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_writes_nothing_down_for_minutes_is_sick() {
        let second = Duration::from_secs(1);
        assert_eq!(health(None).status(), StatusCode::OK);
        assert_eq!(health(Some(MAX_UNWRITTEN - second)).status(), StatusCode::OK);
        assert_eq!(health(Some(MAX_UNWRITTEN)).status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
