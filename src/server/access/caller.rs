//! Who asked, as far as the server needs to know.

/// Who a permitted request came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Anybody: the server runs without authentication.
    Anybody,
    /// The holder of a token that permits what was asked for. openBalena leaves the subject empty
    /// for some callers.
    Token {
        /// The token's `sub`; a device's is `d_<uuid>`.
        subject: String,
    },
    /// The holder of a valid token without permissions, in a network that needs none.
    TrustedNetwork,
    /// The holder of the builder credential.
    Builder,
}
