//! Whose token it is.

use serde::Deserialize;

use super::ReleaseError;

/// Whoever the API says that a token belongs to.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    /// `user`, `device` or `application`; missing in APIs before version 14.1.
    #[serde(default)]
    actor_type: Option<String>,
    #[serde(default)]
    username: Option<String>,
}

/// The kind of actor that a person is.
const USER: &str = "user";

impl Account {
    /// The user's name, as far as the API says it.
    pub(super) fn name(self) -> String {
        self.username.unwrap_or_default()
    }

    /// Refuses whoever is no user: a device sees hardly more than itself.
    pub(super) fn check(self) -> Result<Self, ReleaseError> {
        match &self.actor_type {
            Some(kind) if kind != USER => {
                Err(ReleaseError::NotAUser { kind: kind.chars().take(40).collect() })
            }
            _ => Ok(self),
        }
    }
}
