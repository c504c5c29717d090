//! Proof of who we are.

use std::fmt;

use crate::image::RegistryLogin;

/// Proof of who we are.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::image::registry) enum Credentials {
    /// User name and password.
    Password { user: String, password: String },
    /// An OAuth2 refresh token, exchanged for access tokens at the token server.
    IdentityToken(String),
    /// A token for the registry itself.
    RegistryToken(String),
}

impl From<&RegistryLogin> for Credentials {
    fn from(login: &RegistryLogin) -> Self {
        let (user, password) = (login.user.clone(), login.password.clone());
        Credentials::Password { user, password }
    }
}

impl fmt::Debug for Credentials {
    /// Says what kind they are and nothing else.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Credentials::Password { .. } => "Password",
            Credentials::IdentityToken(_) => "IdentityToken",
            Credentials::RegistryToken(_) => "RegistryToken",
        })
    }
}
