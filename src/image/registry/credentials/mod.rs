//! Credentials for registries: looking them up, and keeping them where podman, skopeo and docker do.

mod auth_edit;
mod auth_file;
mod error;
mod helper;
mod login_key;
mod logins;
mod places;
mod proof;

use std::path::Path;

use auth_file::{AuthFile, Found};
pub use error::CredentialsError;
pub use login_key::{LoginKey, LoginKeyError};
pub use logins::{LoginPlace, Logins};
pub(super) use proof::Credentials;

/// Reads a file with credentials and looks a repository up in it; says whether there are any.
#[cfg(fuzzing)]
pub fn find_in_file(bytes: &[u8], host: &str, repository: &str) -> Result<bool, String> {
    Ok(AuthFile::parse(bytes)?.find(host, repository)?.is_some())
}

/// The credentials for a repository, wherever they are. `None` if there are none.
pub(super) async fn look_up(
    authfile: Option<&Path>,
    host: &str,
    repository: &str,
) -> Result<Option<Credentials>, CredentialsError> {
    for place in places::usual(authfile) {
        let Some(bytes) = places::read(&place)? else { continue };
        let malformed = |reason| CredentialsError::Malformed { path: place.path.clone(), reason };
        let file = AuthFile::parse(&bytes).map_err(malformed)?;
        let found = file.find(host, repository).map_err(malformed)?;
        let credentials = match found {
            Some(Found::Stored(credentials)) => Some(credentials),
            Some(Found::Helper { name, or_stored }) => {
                helper::get(&name, &auth_file::server_address(host)).await?.or(or_stored)
            }
            None => None,
        };
        if credentials.is_some() {
            tracing::info!("{host}: logging in with the credentials in {}", place.path.display());
            return Ok(credentials);
        }
    }
    tracing::info!("{host}: no credentials for {repository}, asking without");
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_do_not_show_in_debug_output() {
        let password =
            Credentials::Password { user: "ann".to_owned(), password: "secret".to_owned() };
        for credentials in [
            password,
            Credentials::IdentityToken("secret".to_owned()),
            Credentials::RegistryToken("secret".to_owned()),
        ] {
            assert!(!format!("{credentials:?}").contains("secret"));
        }
    }
}
