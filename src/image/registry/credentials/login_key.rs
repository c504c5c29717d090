//! The place that a login is for, as files with credentials name it: a registry, or a namespace in it.

use std::fmt;
use std::str::FromStr;

use super::auth_file::canonical_host;
use crate::image::registry_reference::RegistryReference;
use crate::quote::quoted;

/// Stands for a repository where only the registry is meant.
const SOME_REPOSITORY: &str = "x";

/// A registry, or a namespace or repository in it, that a login is for (containers-auth.json(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginKey {
    host: String,
    namespace: Option<String>,
}

/// A text that names no registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} names no registry: {reason}", quoted(text))]
pub struct LoginKeyError {
    text: String,
    reason: String,
}

impl LoginKey {
    /// The registry, `host[:port]`, as references name it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The namespace or repository; `None` for all of the registry.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }
}

impl FromStr for LoginKey {
    type Err = LoginKeyError;

    /// Reads `host[:port][/namespace]`. A URL, such as Docker's name for its Hub, means all of the
    /// registry.
    fn from_str(text: &str) -> Result<Self, LoginKeyError> {
        let refuse = |reason: &str| {
            let text = text.chars().take(300).collect();
            Err(LoginKeyError { text, reason: reason.to_owned() })
        };
        let url = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let bare = url.unwrap_or(text).trim_end_matches('/');
        let (host, rest) = bare.split_once('/').unwrap_or((bare, ""));
        let rest = if url.is_some() { "" } else { rest };
        if rest.contains([':', '@']) {
            return refuse("a login is for all tags");
        }
        let repository = if rest.is_empty() { SOME_REPOSITORY } else { rest };
        let Ok(reference) = format!("{host}/{repository}").parse::<RegistryReference>() else {
            return refuse("it is not of the form HOST[:PORT][/NAMESPACE]");
        };
        if canonical_host(host) != canonical_host(reference.host()) {
            return refuse("a registry's name has a dot or a port, or is localhost");
        }
        let namespace = (!rest.is_empty()).then(|| rest.to_owned());
        Ok(LoginKey { host: canonical_host(host).to_owned(), namespace })
    }
}

impl fmt::Display for LoginKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(formatter, "{}/{namespace}", self.host),
            None => formatter.write_str(&self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_has_many_spellings_and_one_key() {
        for (text, key) in [
            ("registry.example.com", "registry.example.com"),
            ("registry.example.com:5000/", "registry.example.com:5000"),
            ("https://registry.example.com/v2/", "registry.example.com"),
            ("localhost", "localhost"),
            ("[::1]:5000", "[::1]:5000"),
            ("docker.io", "docker.io"),
            ("index.docker.io", "docker.io"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("quay.io/team", "quay.io/team"),
            ("docker.io/team/app", "docker.io/team/app"),
        ] {
            let parsed: LoginKey = text.parse().expect(text);
            assert_eq!(parsed.to_string(), key, "{text}");
        }
    }

    #[test]
    fn what_is_no_registry_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "not of the form"),
            ("quay.io/team/app:1", "for all tags"),
            ("registry", "has a dot or a port"),
            ("team/app", "has a dot or a port"),
            ("registry.example.com/UPPER", "not of the form"),
            ("oci:folder", "not of the form"),
        ] {
            let error = text.parse::<LoginKey>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
