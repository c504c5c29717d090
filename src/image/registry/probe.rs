//! Whether a repository takes a push, asked before the work that a push is the end of (OCI
//! distribution spec, "Pushing a blob in chunks": an upload is begun and cancelled).

use reqwest::header::{CONTENT_LENGTH, HeaderValue};
use reqwest::{Method, Url};

use super::RegistryError;
use super::session::{Call, Session};
use super::upload;

/// Begins an upload into the repository and cancels it again.
///
/// # Errors
/// What the registry, or its token server, says to the beginning. An upload that cannot be cancelled
/// is none: registries remove those that nobody goes on with.
pub(super) async fn push(session: &Session) -> Result<(), RegistryError> {
    let location = upload::begin(session).await?;
    if let Err(error) = cancel(session, location).await {
        tracing::debug!(place = session.place(), %error, "an upload could not be cancelled");
    }
    Ok(())
}

async fn cancel(session: &Session, location: Url) -> Result<(), RegistryError> {
    let mut call = Call::new(Method::DELETE, location, "cancelling an upload");
    call.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    let response = session.send(&call).await?;
    match response.status().is_success() {
        true => Ok(()),
        false => Err(session.failure(response, call.action).await),
    }
}
