//! How images are reached, as a caller says.

use std::path::PathBuf;
use std::time::Duration;

use super::limits::{MAX_RETRY_AFTER, SILENCE_TIME};
use super::{RepositoryTokens, UnpackLimits};

/// How images are reached. Made from [`default`](TransportSettings::default) and
/// [`changed`](TransportSettings::changed).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TransportSettings {
    /// Where credentials are looked up before anywhere else (`--authfile`).
    pub authfile: Option<PathBuf>,
    /// A registry whose credentials are these and no others, wherever else there may be some.
    pub login: Option<RegistryLogin>,
    /// Whether these credentials are all that there are: none are looked up in files or asked of helpers.
    pub only_given: bool,
    /// Tokens for single repositories, which go before all other credentials.
    pub tokens: RepositoryTokens,
    /// Plain HTTP may be spoken to every registry that does not answer in TLS, not to those on this
    /// machine only.
    pub plain_http: bool,
    /// A PEM file of certificate authorities to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The folder with certificates for every registry, in the place of those that are kept for each
    /// (containers-certs.d(5)).
    pub cert_dir: Option<PathBuf>,
    /// Whether certificates are checked. If not, any server can claim to be the registry, and plain HTTP
    /// may be spoken to every registry.
    pub tls_verify: bool,
    /// How often a request is tried before it is given up; at least 1.
    pub max_attempts: u32,
    /// The pause before the second attempt; it doubles from one attempt to the next. A registry's
    /// `Retry-After` can make it longer.
    pub retry_pause: Duration,
    /// How long a registry may be silent before a request is given up.
    pub silence: Duration,
    /// The longest pause that a registry may ask for with `Retry-After`; a longer one is an error.
    pub longest_pause: Duration,
    /// Where archives that are compressed or come through a pipe are kept while they are read.
    pub spool_dir: PathBuf,
    /// How large those may be.
    pub limits: UnpackLimits,
    /// Where the Docker Engine is.
    pub engine: EnginePlace,
}

/// Where the Docker Engine is that images are read from and put into.
#[derive(Debug, Clone, Default)]
pub struct EnginePlace {
    /// Its address, as `DOCKER_HOST` has it; that of the system's engine on this machine if there is none.
    pub host: Option<String>,
    /// Whether `tcp://` means TLS.
    pub tls: bool,
    /// A folder with `ca.pem`, whom alone to trust, and `cert.pem` and `key.pem` to show. Without one the system's
    /// authorities are trusted.
    pub certificates: Option<PathBuf>,
}

impl TransportSettings {
    /// The settings after `change`.
    #[must_use]
    pub fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// The login for one registry. No other host is ever told.
#[derive(Clone)]
#[non_exhaustive]
pub struct RegistryLogin {
    /// The registry, `host[:port]` as references name it.
    pub host: String,
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
}

impl RegistryLogin {
    /// The login of `user` with `password` at the registry `host`, `host[:port]` as references name it.
    pub fn new(host: String, user: String, password: String) -> Self {
        RegistryLogin { host, user, password }
    }
}

impl std::fmt::Debug for RegistryLogin {
    /// Says nothing of the password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, user, password: _ } = self;
        formatter.debug_struct("RegistryLogin").field("host", host).field("user", user).finish()
    }
}

impl Default for TransportSettings {
    fn default() -> Self {
        TransportSettings {
            authfile: None,
            login: None,
            only_given: false,
            tokens: RepositoryTokens::default(),
            plain_http: false,
            ca_file: None,
            cert_dir: None,
            tls_verify: true,
            max_attempts: 6,
            retry_pause: Duration::from_millis(500),
            silence: SILENCE_TIME,
            longest_pause: MAX_RETRY_AFTER,
            spool_dir: std::env::temp_dir(),
            limits: UnpackLimits::default(),
            engine: EnginePlace::default(),
        }
    }
}
