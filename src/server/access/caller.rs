//! Who asked, as far as the server needs to know.

use std::fmt;

/// Characters of a subject that a log line has: twice as many as a UUID.
const SHOWN: usize = 80;

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

/// As log lines name them. What a token says is text of others: one line, and not a long one.
impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::Anybody => formatter.write_str("anybody"),
            Caller::Token { subject } if subject.is_empty() => formatter.write_str("unnamed"),
            Caller::Token { subject } => subject
                .chars()
                .take(SHOWN)
                .flat_map(char::escape_default)
                .try_for_each(|shown| fmt::Write::write_char(formatter, shown)),
            Caller::TrustedNetwork => formatter.write_str("trusted-network"),
            Caller::Builder => formatter.write_str("builder"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_one_short_harmless_line() {
        let named = |subject: &str| Caller::Token { subject: subject.to_owned() }.to_string();
        assert_eq!(named("d_0123"), "d_0123");
        assert_eq!(named(""), "unnamed");
        assert_eq!(named("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        assert_eq!(named(&"x".repeat(60_000)).len(), SHOWN);
    }
}
