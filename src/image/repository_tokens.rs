//! Tokens that registries take for single repositories.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Tokens at hand, each for some repositories of one registry. Where there is one, nobody is asked for
/// another, and no other credentials are shown.
#[derive(Clone, Default)]
pub struct RepositoryTokens {
    /// By registry and repository.
    tokens: HashMap<(String, String), Arc<str>>,
}

impl RepositoryTokens {
    /// Adds a token of the registry `host` (`host[:port]`) for these repositories.
    pub fn add(&mut self, host: &str, repositories: &[String], token: &str) {
        let token: Arc<str> = token.into();
        for repository in repositories {
            let place = (host.to_owned(), repository.clone());
            self.tokens.insert(place, Arc::clone(&token));
        }
    }

    /// The token for a repository.
    #[cfg(feature = "registry")]
    pub(super) fn of(&self, host: &str, repository: &str) -> Option<&str> {
        if self.tokens.is_empty() {
            return None;
        }
        self.tokens.get(&(host.to_owned(), repository.to_owned())).map(|token| &**token)
    }
}

impl fmt::Debug for RepositoryTokens {
    /// Says nothing of the tokens.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repositories = self.tokens.len();
        formatter.debug_struct("RepositoryTokens").field("repositories", &repositories).finish()
    }
}
