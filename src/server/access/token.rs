//! Tokens.

/// Why a credential does not hold. Never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// No credential at all.
    #[error("a Bearer token is needed")]
    Missing,
}
