//! `DELETE /v3/build/<release>`: a build is not wanted any more.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};

use super::caller::admit;
use super::refusal::Refusal;
use crate::builder::running::Stop;
use crate::builder::service::Service;

/// Cancels the build of a release, for whoever may build for its fleet.
pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    Path(release): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let none = || {
        let release = crate::quote::quoted(&release);
        let reason = format!("No build of the release {release} is going on here");
        Refusal::new(StatusCode::NOT_FOUND, reason)
    };
    let Some((ending, fleet)) =
        release.parse().ok().and_then(|release| service.running.of_release(release))
    else {
        // Strangers learn nothing else.
        return Err(none());
    };
    admit(&service, &headers, &fleet).await.map_err(|refusal| match refusal.status {
        StatusCode::NOT_FOUND => none(),
        _ => refusal,
    })?;
    ending.end(Stop::Cancelled);
    Ok(StatusCode::ACCEPTED)
}
