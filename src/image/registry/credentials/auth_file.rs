//! The JSON files that hold credentials: `auth.json` and Docker's `config.json` (containers-auth.json(5)).
//! Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::proof::Credentials;

/// What a file says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthFile {
    #[serde(default)]
    auths: BTreeMap<String, AuthEntry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AuthEntry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

/// Where a file says that credentials are.
#[derive(PartialEq, Eq)]
pub(super) enum Found {
    /// In the file itself.
    Stored(Credentials),
    /// With a helper, and if that has none, here.
    Helper {
        /// What comes after `docker-credential-` in the helper's name.
        name: String,
        /// What the file itself has.
        or_stored: Option<Credentials>,
    },
}

impl fmt::Debug for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Stored(credentials) => write!(formatter, "Stored({credentials:?})"),
            Found::Helper { name, .. } => write!(formatter, "Helper({name})"),
        }
    }
}

impl AuthFile {
    /// Reads a file. The reason for refusing it never quotes it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| {
            format!(
                "no valid JSON of that kind at line {}, column {}",
                error.line(),
                error.column()
            )
        })
    }

    /// The credentials for a repository: those for the registry's own helper, then for the helper of
    /// all, then those stored under the longest key that the repository begins with.
    pub(super) fn find(&self, host: &str, repository: &str) -> Result<Option<Found>, String> {
        let stored = self.stored(host, repository)?;
        Ok(match self.helper(host) {
            Some(name) => Some(Found::Helper { name: name.to_owned(), or_stored: stored }),
            None => stored.map(Found::Stored),
        })
    }

    /// The name of the helper that keeps the logins of a registry, if one does.
    pub(super) fn helper(&self, host: &str) -> Option<&str> {
        let own = self.cred_helpers.iter().find(|(key, _)| same_host(key, host));
        let name = own.map_or(&self.creds_store, |(_, name)| name);
        Some(name.as_str()).filter(|name| !name.is_empty())
    }

    /// The registries that helpers may have logins of, as far as the file names them.
    pub(super) fn hosts(&self) -> BTreeSet<String> {
        let keys = self.auths.keys().chain(self.cred_helpers.keys());
        let host = |key: &String| {
            let key = canonical_key(key);
            key.split_once('/').map_or(key.clone(), |(host, _)| host.to_owned())
        };
        keys.map(host).collect()
    }

    fn stored(&self, host: &str, repository: &str) -> Result<Option<Credentials>, String> {
        let host = canonical_host(host);
        let mut key = format!("{host}/{repository}");
        loop {
            for (own, entry) in &self.auths {
                if canonical_key(own) == key
                    && let Some(credentials) = entry.credentials(own)?
                {
                    return Ok(Some(credentials));
                }
            }
            match key.rfind('/') {
                Some(end) => key.truncate(end),
                None => return Ok(None),
            }
        }
    }
}

impl AuthEntry {
    /// `None` for an entry that says nothing, as `docker login` leaves where a helper has the password.
    fn credentials(&self, key: &str) -> Result<Option<Credentials>, String> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Credentials::IdentityToken(self.identitytoken.clone())));
        }
        if !self.registrytoken.is_empty() {
            return Ok(Some(Credentials::RegistryToken(self.registrytoken.clone())));
        }
        if !self.auth.is_empty() {
            let decoded =
                STANDARD.decode(self.auth.trim()).ok().and_then(|b| String::from_utf8(b).ok());
            let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
            let (user, password) =
                pair.ok_or_else(|| format!("\"auth\" of {key:?} is not base64 of user:password"))?;
            // Some versions of Docker padded the password with zeros.
            let password = password.trim_end_matches('\0').to_owned();
            return Ok(Some(Credentials::Password { user: user.to_owned(), password }));
        }
        let AuthEntry { username: user, password, .. } = self;
        Ok((!user.is_empty())
            .then(|| Credentials::Password { user: user.clone(), password: password.clone() }))
    }
}

/// What a helper is asked for. Docker's own name for the Hub is a URL.
pub(super) fn server_address(host: &str) -> String {
    match canonical_host(host) {
        "docker.io" => "https://index.docker.io/v1/".to_owned(),
        host => host.to_owned(),
    }
}

/// A key as `host[/namespace]`. Keys that are URLs are Docker's and mean the whole registry.
pub(super) fn canonical_key(key: &str) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let (host, namespace) =
        bare.unwrap_or(key).split_once('/').unwrap_or((bare.unwrap_or(key), ""));
    match (canonical_host(host), namespace.trim_end_matches('/')) {
        (host, namespace) if bare.is_some() || namespace.is_empty() => host.to_owned(),
        (host, namespace) => format!("{host}/{namespace}"),
    }
}

pub(super) fn canonical_host(host: &str) -> &str {
    match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

fn same_host(key: &str, host: &str) -> bool {
    canonical_key(key) == canonical_host(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(found: Result<Option<Found>, String>) -> String {
        match found {
            Ok(Some(Found::Stored(Credentials::Password { user, password }))) => {
                format!("{user}/{password}")
            }
            Ok(Some(Found::Stored(other))) => format!("{other:?}"),
            Ok(Some(Found::Helper { name, or_stored })) => {
                format!("helper {name}{}", if or_stored.is_some() { " or stored" } else { "" })
            }
            Ok(None) => "none".to_owned(),
            Err(reason) => reason,
        }
    }

    fn find(json: &str, host: &str, repository: &str) -> String {
        user(AuthFile::parse(json.as_bytes()).and_then(|file| file.find(host, repository)))
    }

    fn auth(text: &str) -> String {
        format!(r#"{{"auth":"{}"}}"#, STANDARD.encode(text))
    }

    #[test]
    fn the_most_specific_key_wins() {
        let json = format!(
            r#"{{"auths":{{"r.example":{},"r.example/team":{},"r.example/team/app":{},"other":{{}}}}}}"#,
            auth("host:1"),
            auth("team:2"),
            auth("app:3:4")
        );
        assert_eq!(find(&json, "r.example", "team/app"), "app/3:4");
        assert_eq!(find(&json, "r.example", "team/app/x"), "app/3:4");
        assert_eq!(find(&json, "r.example", "team/application"), "team/2");
        assert_eq!(find(&json, "r.example", "x"), "host/1");
        assert_eq!(find(&json, "r.example:5000", "x"), "none");
        assert_eq!(find(&json, "other", "x"), "none");
    }

    #[test]
    fn docker_hub_goes_by_many_names() {
        for key in [
            "docker.io",
            "docker.io/",
            "https://index.docker.io/v1/",
            "index.docker.io",
            "registry-1.docker.io",
        ] {
            let json = format!(r#"{{"auths":{{"{key}":{}}}}}"#, auth("u:p"));
            assert_eq!(find(&json, "docker.io", "library/app"), "u/p", "{key}");
        }
        let json = format!(r#"{{"auths":{{"docker.io/library":{}}}}}"#, auth("u:p"));
        assert_eq!(find(&json, "docker.io", "library/app"), "u/p");
        assert_eq!(find(&json, "docker.io", "other/app"), "none");
        assert_eq!(server_address("docker.io"), "https://index.docker.io/v1/");
        assert_eq!(server_address("r.example:5000"), "r.example:5000");
    }

    #[test]
    fn helpers_come_before_what_is_stored() {
        let json = format!(
            r#"{{"auths":{{"a":{},"b":{{}}}},"credHelpers":{{"a":"own"}},"credsStore":"all"}}"#,
            auth("u:p")
        );
        assert_eq!(find(&json, "a", "x"), "helper own or stored");
        assert_eq!(find(&json, "b", "x"), "helper all");
    }

    #[test]
    fn tokens_and_open_passwords_are_understood() {
        let json = r#"{"auths":{"a":{"identitytoken":"t","auth":"dTpw"},"b":{"registrytoken":"t"},
                       "c":{"username":"u","password":"p"},"d":{"auth":"dTpwAAA="}}}"#;
        assert_eq!(find(json, "a", "x"), "IdentityToken");
        assert_eq!(find(json, "b", "x"), "RegistryToken");
        assert_eq!(find(json, "c", "x"), "u/p");
        assert_eq!(find(json, "d", "x"), "u/p");
    }

    #[test]
    fn a_damaged_file_is_refused_without_quoting_it() {
        for json in
            ["", "1", r#"{"auths":{"a":{"auth":"c2VjcmV0"}}}"#, r#"{"auths":{"a":"secret"}}"#]
        {
            let reason = find(json, "a", "x");
            assert!(
                reason.starts_with("no valid JSON") || reason.contains("is not base64"),
                "{reason}"
            );
            assert!(!reason.contains("secret") && !reason.contains("c2VjcmV0"), "{reason}");
        }
    }
}
