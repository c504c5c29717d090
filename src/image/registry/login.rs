//! Whether a registry takes a login, asked where nothing but that is answered (OCI distribution spec,
//! "Determining Support").

use std::sync::Arc;

use reqwest::Method;

use super::authorization::Authorizer;
use super::error::RegistryError;
use super::session::{Call, Session};

/// Asks the registry, as whoever the settings say. Whether it wanted to know who asks.
///
/// # Errors
/// [`RegistryError::Unauthorized`] if the registry, or its token server, does not take the login.
pub(super) async fn prove(authorizer: Arc<Authorizer>) -> Result<bool, RegistryError> {
    let session = Session::of_registry(Arc::clone(&authorizer));
    let call = Call::new(Method::GET, session.host.base().await?.clone(), "the login");
    let response = session.call(&call).await?;
    match response.status().is_success() {
        true => Ok(authorizer.is_wanted()),
        false => Err(session.failure(response, call.action).await),
    }
}
