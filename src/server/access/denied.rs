//! Refusals: what kind, and one line of why.

use std::time::Duration;

use super::token::TokenError;

/// A request that was refused. The text is one line and never holds any part of a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// Nobody we know: no credential, or one that does not hold. 401: a supervisor gets a new token
    /// and asks again.
    #[error("{0}")]
    Unauthenticated(TokenError),
    /// Known, but this is not for them. 403: a supervisor pulls the image in full.
    #[error("{0}")]
    Forbidden(String),
    /// Too many requests. 503 with Retry-After: every other 4xx would make a supervisor pull in full.
    #[error("too many requests, try again in {} s", retry_after.as_secs())]
    TooMany {
        /// When one more request will be taken, rounded up to whole seconds, at least one.
        retry_after: Duration,
    },
}

impl From<TokenError> for Denied {
    fn from(error: TokenError) -> Self {
        Denied::Unauthenticated(error)
    }
}
