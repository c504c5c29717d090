//! Logins for registries that a project brings.

use std::collections::BTreeMap;

use crate::api::Secret;

/// Docker Hub, as the Engine's API calls it.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Logins by registry, as the Engine's API names registries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RegistrySecrets(BTreeMap<String, RegistryLogin>);

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegistryLogin {
    /// The user.
    pub(crate) username: String,
    /// The password.
    pub(crate) password: Secret,
}

impl RegistrySecrets {
    /// The logins, by registry.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &RegistryLogin)> {
        self.0.iter().map(|(registry, login)| (registry.as_str(), login))
    }

    /// Adds a login, in place of one for the same registry.
    pub(super) fn insert(&mut self, registry: String, login: RegistryLogin) {
        self.0.insert(registry, login);
    }

    /// Adds the key that the Engine knows Docker Hub by, if a login is for Docker Hub under another name.
    pub(super) fn add_docker_hub(&mut self) {
        let hosts = [
            "index.docker.io",
            "idx.docker.io",
            "docker.io",
            "cloud.docker.com",
            "hub.docker.com",
            "docker.com",
        ];
        let named = |host: &&str| {
            let login = self
                .0
                .iter()
                .find(|(registry, _)| registry.is_empty() || host_of(registry) == *host);
            login.map(|(_, login)| login.clone())
        };
        if let Some(login) = hosts.iter().find_map(named) {
            self.0.entry(DOCKER_HUB.to_owned()).or_insert(login);
        }
    }
}

/// The host of a registry that is named as a host or as a URL.
fn host_of(registry: &str) -> &str {
    let bare = ["https://", "http://"].iter().find_map(|scheme| registry.strip_prefix(scheme));
    bare.unwrap_or(registry).split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hub_has_the_name_that_engines_know() {
        for (name, added) in [
            ("docker.io", true),
            ("index.docker.io", true),
            ("idx.docker.io", true),
            ("cloud.docker.com", true),
            ("hub.docker.com", true),
            ("docker.com", true),
            ("", true),
            ("https://index.docker.io/v2", true),
            ("registry.example.com", false),
            ("docker.io.example.com", false),
        ] {
            let mut secrets = RegistrySecrets::default();
            let login = RegistryLogin { username: "u".to_owned(), password: Secret::new("p") };
            secrets.insert(name.to_owned(), login);
            secrets.add_docker_hub();
            assert_eq!(secrets.0.contains_key(DOCKER_HUB), added, "{name}");
        }
    }

    #[test]
    fn passwords_do_not_show() {
        let mut secrets = RegistrySecrets::default();
        let login = RegistryLogin { username: "u".to_owned(), password: Secret::new("hush") };
        secrets.insert("r".to_owned(), login);
        assert!(!format!("{secrets:?}").contains("hush"));
    }
}
