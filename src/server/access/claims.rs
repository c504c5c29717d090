//! What a verified token permits.

use std::time::SystemTime;

use serde::Deserialize;

/// What a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    /// Whose it is; openBalena leaves it empty for some.
    pub(super) subject: String,
    pub(super) access: Vec<Permission>,
    /// From when on the token does not hold any more.
    pub(super) ends: SystemTime,
}

/// One entry of `access`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Permission {
    r#type: String,
    name: String,
    actions: Vec<String>,
}

impl Claims {
    /// Whether the token permits to pull from every one of these repositories. Asked about none, it
    /// permits nothing.
    pub(super) fn allow_pull(&self, repositories: &[&str]) -> bool {
        let allowed = |repository: &&str| self.allow("pull", repository);
        !repositories.is_empty() && repositories.iter().all(allowed)
    }

    /// Whether the token permits `action` on this repository.
    pub(super) fn allow(&self, action: &str, repository: &str) -> bool {
        self.access.iter().any(|permission| permission.allows(action, repository))
    }

    /// The repositories that the token permits to pull from.
    pub(super) fn pulls(&self) -> impl Iterator<Item = &str> {
        let named = self.access.iter().map(|permission| permission.name.as_str());
        named.filter(|name| self.allow("pull", name))
    }

    /// Whether the token still holds at `now`.
    pub(super) fn hold_at(&self, now: SystemTime) -> bool {
        now < self.ends
    }

    /// Whether the token permits nothing at all, as those do that anybody can get.
    pub(super) fn are_empty(&self) -> bool {
        self.access.is_empty()
    }
}

impl Permission {
    fn allows(&self, action: &str, repository: &str) -> bool {
        self.r#type == "repository"
            && self.name == repository
            && self.actions.iter().any(|given| given == action)
    }
}
