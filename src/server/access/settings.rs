//! What decides who may, and how it can be wrong.

use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

/// Who may use the server.
#[derive(Clone)]
pub(crate) struct AccessSettings {
    /// Which tokens are taken.
    pub(crate) tokens: TokenSettings,
    /// The secret of the builder credential (`TOKEN_AUTH_BUILDER_TOKEN`). Without one nobody may
    /// prepare deltas.
    pub(crate) builder_token: Option<String>,
    /// How often one device may ask; `None`: as often as it likes.
    pub(crate) rate: Option<RateSettings>,
    /// Where valid tokens without any permission are taken from. Empty, the default, means nowhere.
    /// For open-balena-builder, whose token permits nothing because it asks for scopes wrongly.
    pub(crate) empty_access_networks: Vec<IpNet>,
    /// Proxies whose `X-Forwarded-For` is believed. Empty: the header is ignored.
    pub(crate) trusted_proxies: Vec<IpNet>,
}

/// Which tokens are taken: those of one issuer, for one audience, signed with one algorithm.
#[derive(Debug, Clone)]
pub(crate) struct TokenSettings {
    /// The files with the verification keys: certificates or public keys in PEM, or JWKS.
    pub(crate) key_files: Vec<PathBuf>,
    /// The only algorithm taken, whatever a token's header says (`JWT_ALGO`).
    pub(crate) algorithm: TokenAlgorithm,
    /// The `iss` of every token, `api.<BALENA_TLD>`.
    pub(crate) issuer: String,
    /// The `aud` of every token, the registry's host.
    pub(crate) audience: String,
    /// How far clocks may be apart; see [`TokenSettings::DEFAULT_LEEWAY`].
    pub(crate) leeway: Duration,
}

impl TokenSettings {
    /// Servers with NTP are much less than a second apart, and the API dates `nbf` 10 s back for
    /// those that are not, so as much again on our side is plenty. It also is how long a token
    /// outlives its `exp`, which is nothing beside the four hours that it lives.
    pub(crate) const DEFAULT_LEEWAY: Duration = Duration::from_secs(10);
}

/// How often one device may ask, whatever tokens it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateSettings {
    /// Requests a minute in the long run.
    pub(crate) per_minute: NonZeroU32,
    /// Requests at once after a pause.
    pub(crate) burst: NonZeroU32,
}

/// How tokens are signed (RFC 7518, section 3.1; RFC 8037). Nothing symmetric: who could check such
/// a token could also make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TokenAlgorithm {
    /// ECDSA on P-256, what openBalena's API signs with.
    #[default]
    Es256,
    /// ECDSA on P-384.
    Es384,
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// RSA PKCS #1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS #1 v1.5 with SHA-512.
    Rs512,
    /// RSA-PSS with SHA-256.
    Ps256,
    /// RSA-PSS with SHA-384.
    Ps384,
    /// RSA-PSS with SHA-512.
    Ps512,
    /// Ed25519.
    EdDsa,
}

impl TokenAlgorithm {
    const NAMES: [(&'static str, TokenAlgorithm); 9] = [
        ("ES256", TokenAlgorithm::Es256),
        ("ES384", TokenAlgorithm::Es384),
        ("RS256", TokenAlgorithm::Rs256),
        ("RS384", TokenAlgorithm::Rs384),
        ("RS512", TokenAlgorithm::Rs512),
        ("PS256", TokenAlgorithm::Ps256),
        ("PS384", TokenAlgorithm::Ps384),
        ("PS512", TokenAlgorithm::Ps512),
        ("EdDSA", TokenAlgorithm::EdDsa),
    ];

    /// The name in a token's header.
    pub(crate) fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(_, algorithm)| *algorithm == self);
        found.map_or("", |(name, _)| name)
    }
}

impl FromStr for TokenAlgorithm {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, algorithm)| *algorithm)
            .ok_or_else(|| AccessError::Algorithm(text.chars().take(20).collect()))
    }
}

impl fmt::Display for TokenAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Settings that let nobody in, or anybody: the server does not start with them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    /// Nothing to verify tokens with.
    #[error("no key to verify tokens with")]
    NoKeys,
    /// A key file that is not there or not readable.
    #[error("cannot read the key file {}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A key file without a key that fits.
    #[error("the key file {} {problem}", file.display())]
    KeyFile {
        /// Which file.
        file: PathBuf,
        /// The problem with it.
        problem: String,
    },
    /// No asymmetric algorithm.
    #[error("{0:?} is no algorithm that tokens can be verified with")]
    Algorithm(String),
    /// A setting that must say something says nothing.
    #[error("the {0} is empty")]
    Empty(&'static str),
    /// The operating system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(String),
    /// A secret that can be guessed.
    #[error("the {what} is {length} bytes long, too short to be a secret")]
    ShortSecret {
        /// Which secret.
        what: &'static str,
        /// How long it is.
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_have_their_registered_names() {
        for (name, algorithm) in TokenAlgorithm::NAMES {
            assert_eq!(algorithm.to_string(), name);
            assert_eq!(name.parse::<TokenAlgorithm>().expect(name), algorithm);
        }
        assert_eq!(TokenAlgorithm::default().name(), "ES256");
    }

    #[test]
    fn nothing_symmetric_is_an_algorithm_here() {
        for name in ["none", "HS256", "HS384", "HS512", "es256", "ES512", "", "ES256 "] {
            let error = name.parse::<TokenAlgorithm>().expect_err(name).to_string();
            assert!(error.ends_with("is no algorithm that tokens can be verified with"), "{error}");
        }
    }
}
