//! What an engine is told of a build: the query and headers of the call.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::architecture::Architecture;
use crate::api::Secret;

/// How to be let in at a registry.
#[derive(Debug, Clone)]
pub enum Login {
    /// With name and password.
    Password {
        /// The user's name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// With a token that the registry itself takes.
    Token(Secret),
}

/// A file that steps of a build see while they run, and images don't hold.
#[derive(Clone)]
pub struct BuildSecret {
    /// The name that `RUN --mount=type=secret,id=` has for it.
    pub id: String,
    /// The content.
    pub content: Vec<u8>,
}

impl fmt::Debug for BuildSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BuildSecret").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A build.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The name that the image gets, without a tag: `latest` is the tag.
    pub tag: String,
    /// The Dockerfile's path in the context.
    pub dockerfile: String,
    /// Values for `ARG`.
    pub arguments: BTreeMap<String, String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// The devices' architecture, which the image must have.
    pub architecture: Architecture,
    /// Whether base images are asked for by platform; the engine takes its own platform otherwise. An engine on other
    /// processors is told the platform in any case.
    pub by_platform: bool,
    /// Images that the Dockerfile takes files from, as far as they are known.
    pub bases: Vec<String>,
    /// Whether nothing of earlier builds is used.
    pub no_cache: bool,
    /// Whether base images are looked for anew.
    pub pull: bool,
    /// The stage that is built; the last one if absent.
    pub target: Option<String>,
    /// Images whose layers are used instead of what the engine has of its own. Empty: those that it has.
    pub cache_from: Vec<String>,
    /// Lines for `/etc/hosts`, as `name:address`.
    pub extra_hosts: Vec<String>,
    /// The size of `/dev/shm` in bytes.
    pub shm_size: Option<u64>,
    /// The memory that a step may take, in bytes.
    pub memory: Option<u64>,
    /// Registries that base images may come from, as engines call them.
    pub registries: BTreeMap<String, Login>,
    /// Whether BuildKit builds.
    pub buildkit: bool,
    /// Files for the steps; BuildKit alone has them.
    pub secrets: Vec<BuildSecret>,
}

impl BuildRequest {
    /// A build of `dockerfile` that makes the image `tag`, with everything else as usual.
    pub fn new(tag: &str, dockerfile: &str, architecture: Architecture) -> Self {
        BuildRequest {
            tag: tag.to_owned(),
            dockerfile: dockerfile.to_owned(),
            arguments: BTreeMap::new(),
            labels: BTreeMap::new(),
            architecture,
            by_platform: false,
            bases: Vec::new(),
            no_cache: false,
            pull: false,
            target: None,
            cache_from: Vec::new(),
            extra_hosts: Vec::new(),
            shm_size: None,
            memory: None,
            registries: BTreeMap::new(),
            buildkit: false,
            secrets: Vec::new(),
        }
    }

    /// Returns the query of the call; `session` is BuildKit's.
    pub(super) fn query(&self, network_mode: Option<&str>, session: Option<&str>) -> String {
        let mut fields: Vec<(&str, String)> = vec![
            ("t", format!("{}:latest", self.tag)),
            ("dockerfile", self.dockerfile.clone()),
            ("buildargs", json!(self.arguments).to_string()),
            ("labels", json!(self.labels).to_string()),
            ("rm", "1".to_owned()),
            ("forcerm", "1".to_owned()),
        ];
        let mut put = |name, value: Option<String>| fields.extend(value.map(|value| (name, value)));
        let yes = |is: bool| is.then(|| "1".to_owned());
        put("nocache", yes(self.no_cache));
        put("pull", yes(self.pull));
        put("platform", self.by_platform.then(|| self.architecture.platform().to_owned()));
        put("target", self.target.clone());
        put("shmsize", self.shm_size.map(|size| size.to_string()));
        put("memory", self.memory.map(|size| size.to_string()));
        put("networkmode", network_mode.map(str::to_owned));
        let cache = (!self.cache_from.is_empty()).then(|| json!(self.cache_from).to_string());
        put("cachefrom", cache);
        put("version", session.map(|_| "2".to_owned()));
        put("session", session.map(str::to_owned));
        fields.extend(self.extra_hosts.iter().map(|host| ("extrahosts", host.clone())));
        serde_urlencoded::to_string(fields).expect("pairs of texts have a form")
    }

    /// Returns the headers of the call.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
        let logins = self.registries.iter().map(|(host, login)| (host.clone(), entry(login)));
        let logins: serde_json::Map<String, Value> = logins.collect();
        if !logins.is_empty() {
            headers.insert("x-registry-config", encoded(&Value::Object(logins)));
        }
        headers
    }
}

/// Returns the header that lets the engine in at one registry.
pub(super) fn login_header(login: &Login) -> HeaderValue {
    encoded(&entry(login))
}

fn entry(login: &Login) -> Value {
    match login {
        Login::Password { username, password } => {
            json!({ "username": username, "password": password.reveal() })
        }
        Login::Token(token) => json!({ "registrytoken": token.reveal() }),
    }
}

/// Engines read the alphabet for URLs alone: of others they would take no login, without a word.
fn encoded(value: &Value) -> HeaderValue {
    let text = URL_SAFE.encode(value.to_string());
    let mut header = HeaderValue::from_str(&text).expect("letters, digits, - and _");
    header.set_sensitive(true);
    header
}
