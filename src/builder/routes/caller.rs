//! Who pushes, and to which fleet: made sure of before a byte of the project is kept.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};

use super::refusal::Refusal;
use crate::api::Secret;
use crate::builder::caller::Caller;
use crate::builder::service::Service;
use crate::release::rows::ReleaseRows;
use crate::release::{ReleaseError, ReleaseSettings};
use crate::{Cause, quote};

/// Longer than any token: headers are bounded too.
const MAX_TOKEN: usize = 16 << 10;

/// Asks the API whose token it is, and for the fleet.
pub(super) async fn admit(
    service: &Arc<Service>,
    headers: &HeaderMap,
    fleet: &str,
) -> Result<Caller, Refusal> {
    let token = bearer(headers).ok_or_else(|| {
        Refusal::new(
            StatusCode::UNAUTHORIZED,
            "Log in first: there is no token with the request, or more than one",
        )
    })?;
    let (installation, fleet) = (service.installation(token), fleet.to_owned());
    let asked = tokio::task::spawn_blocking(move || ask(installation, &fleet)).await;
    asked.map_err(|_| defect())?
}
fn ask(installation: ReleaseSettings, name: &str) -> Result<Caller, Refusal> {
    let asked = || -> Result<_, ReleaseError> {
        let rows = ReleaseRows::new(&installation)?;
        Ok((rows.user()?, rows.fleet(name)?, rows.version()))
    };
    let (user, fleet, version) = asked().map_err(|error| refused(&error))?;
    let none = || {
        let reason = format!("There is no fleet {} that you may build for", quote::quoted(name));
        Refusal::new(StatusCode::NOT_FOUND, reason)
    };
    Ok(Caller { user, fleet: fleet.ok_or_else(none)?, installation, version })
}

/// What becomes of somebody whom the API does not take, or who cannot be asked about.
fn refused(error: &ReleaseError) -> Refusal {
    let status = match (error, error.cause()) {
        (ReleaseError::TokenRefused { .. } | ReleaseError::SessionOver, _)
        | (_, Cause::Unauthorized) => StatusCode::UNAUTHORIZED,
        (ReleaseError::NotAUser { .. }, _) | (_, Cause::Denied) => StatusCode::FORBIDDEN,
        (_, Cause::Usage | Cause::Missing) => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    tracing::info!(%error, "a push is refused");
    Refusal::new(status, error.to_string())
}

/// The token of an `Authorization` header (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let is_token = !token.is_empty()
        && token.len() <= MAX_TOKEN
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = scheme.eq_ignore_ascii_case("bearer") && is_token && values.next().is_none();
    fits.then(|| Secret::new(token))
}

/// The answer where a task of ours panicked.
pub(super) fn defect() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "The builder has a defect: see its log")
}
