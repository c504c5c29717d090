//! Who asked, as far as the server needs to know.

use std::fmt;
use std::net::IpAddr;

/// Characters of a subject that a log line has: twice as many as a UUID.
const SHOWN: usize = 80;

/// Who a permitted request came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Anybody: the server runs without authentication.
    Anybody,
    /// The holder of a token that permits what was asked for.
    Token {
        /// The token's `sub`; a device's is `d_<uuid>`.
        subject: String,
    },
    /// The same, with a token that names nobody: openBalena leaves `sub` empty for some callers.
    Unnamed {
        /// The network that they are taken for one caller by.
        network: IpAddr,
    },
    /// The holder of a valid token without permissions, in a network that needs none.
    TrustedNetwork,
    /// The holder of the builder credential.
    Builder,
}

impl Caller {
    /// As whom they have no more than their share of what the server makes; `None` if they are trusted
    /// with more than that, or if nobody is told from anybody.
    pub(crate) fn limited_as(&self) -> Option<String> {
        match self {
            Caller::Token { subject } => Some(format!("subject {subject}")),
            Caller::Unnamed { network } => Some(format!("network {network}")),
            Caller::Anybody | Caller::TrustedNetwork | Caller::Builder => None,
        }
    }
}

/// As log lines name them. What a token says is text of others: one line, and not a long one.
impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::Anybody => formatter.write_str("anybody"),
            Caller::Unnamed { .. } => formatter.write_str("unnamed"),
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
        assert_eq!(named("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        assert_eq!(named(&"x".repeat(60_000)).len(), SHOWN);
    }
}
