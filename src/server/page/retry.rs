//! A failure tried again.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{refuse, see};
use super::names::{self, NamedPair};
use super::{form, visit};
use crate::server::routes::{Asked, Service};

/// How long the database may take; what is not written by then is written when the database is back.
const WRITE_TIME: Duration = Duration::from_secs(5);

/// Forgets that a pair failed, and queues it anew.
pub(super) async fn post(
    State(service): State<Arc<Service>>,
    asked: Asked,
    request: Request,
) -> Response {
    retried(&service, &asked, request).await.unwrap_or_else(|answer| *answer)
}

async fn retried(
    service: &Service,
    asked: &Asked,
    request: Request,
) -> Result<Response, Box<Response>> {
    visit::same_site(service, asked)?;
    let refused = |status, reason| Box::new(refuse(status, reason));
    let session = visit::session(service, asked)?;
    let session = session.ok_or_else(|| Box::new(see("/", None)))?;
    if !session.sees_all() {
        let reason = "only the builder credential has failures tried again";
        return Err(refused(StatusCode::FORBIDDEN, reason));
    }
    let named: NamedPair = form::read(request).await?;
    let odd = || refused(StatusCode::BAD_REQUEST, "this is no pair of images");
    let pair = named.pair().ok_or_else(odd)?;
    let retried = tokio::time::timeout(WRITE_TIME, service.jobs.retry(&pair)).await;
    match retried {
        Ok(Err(full)) => Err(refused(StatusCode::SERVICE_UNAVAILABLE, &full.to_string())),
        // If somebody else was faster, the page says how it is.
        Ok(Ok(_)) => Ok(see(&names::link(&pair), None)),
        Err(_) => {
            let reason = "the database does not answer: nothing is tried again yet";
            Err(refused(StatusCode::GATEWAY_TIMEOUT, reason))
        }
    }
}
