//! Tokens of the API (docs/openbalena.md, "Tokens"): a JWT (RFC 7519) whose claim `access` says
//! what its holder may do at the registry (Docker token authentication, "JWT").
//!
//! Everybody can get a token that is validly signed and permits nothing, so a valid signature is no
//! permission: [`Claims::allow_pull`] is.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::claims::{Claims, Permission};
use super::keys::Keys;
use super::seen::Seen;
use super::{AccessError, TokenAlgorithm, TokenSettings};

/// A token for two repositories has about 700 bytes. Nothing longer than this gets through the
/// haproxy in front of openBalena, whose buffers have 16 KiB.
const MAX_TOKEN: usize = 16 * 1024;

/// Verifies tokens.
pub(super) struct Verifier {
    keys: Keys,
    algorithm: TokenAlgorithm,
    issuer: String,
    audience: String,
    leeway: Duration,
    seen: Seen,
}

/// Why a credential does not hold. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// No `Authorization`.
    #[error("a Bearer token is needed")]
    Missing,
    /// Two of them: which one counts would be a guess.
    #[error("there is more than one Authorization header")]
    Repeated,
    /// Another scheme, or no text.
    #[error("the Authorization header holds no Bearer token")]
    NotBearer,
    /// The wrong name or secret, where the builder credential is needed.
    #[error("the builder credential is needed")]
    NotBuilder,
    /// Longer than any honest one.
    #[error("the token is longer than {MAX_TOKEN} bytes")]
    TooLong,
    /// Not three base64url parts, or a header that is none.
    #[error("the token is not a JWT")]
    NoJwt,
    /// Another algorithm than the pinned one, `none` included.
    #[error("the token is not signed with {0}")]
    Algorithm(TokenAlgorithm),
    /// Signed with a key that we do not know.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// Not signed by this key, or changed since.
    #[error("the token's signature is wrong")]
    Signature,
    /// Without the claims that every token has, or with some of the wrong type.
    #[error("the token's claims are not those of a registry token")]
    Claims,
    /// By somebody else.
    #[error("the token has another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the token has another audience")]
    Audience,
    /// Too old.
    #[error("the token has expired")]
    Expired,
    /// Too new.
    #[error("the token is not valid yet")]
    NotYet,
}

/// What decides how to verify. A key in the header (`jwk`, `x5c`) or its address (`jku`, `x5u`)
/// proves nothing, and is not read.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Payload {
    iss: String,
    aud: Audience,
    sub: Option<String>,
    /// Seconds since 1970, which need not be whole (RFC 7519, section 2, "NumericDate").
    exp: f64,
    nbf: Option<f64>,
    access: Option<Vec<Permission>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Verifier {
    /// A verifier with the keys that the settings name.
    pub(super) fn new(settings: &TokenSettings) -> Result<Self, AccessError> {
        for (what, text) in [("issuer", &settings.issuer), ("audience", &settings.audience)] {
            if text.is_empty() {
                return Err(AccessError::Empty(what));
            }
        }
        Ok(Verifier {
            keys: Keys::load(&settings.key_files, settings.algorithm)?,
            algorithm: settings.algorithm,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            leeway: settings.leeway,
            seen: Seen::default(),
        })
    }

    /// What a token says that was verified before and still holds. Costs a hash.
    pub(super) fn seen(&self, token: &str, now: SystemTime) -> Option<Arc<Claims>> {
        self.seen.get(token, self.keys.version(), now)
    }

    /// What the token says, if it is one of ours and holds now. Costs a check of its signature.
    pub(super) fn verify(&self, token: &str, now: SystemTime) -> Result<Arc<Claims>, TokenError> {
        let keys = self.keys.version();
        let claims = Arc::new(self.check(token, now)?);
        self.seen.insert(token, keys, &claims);
        Ok(claims)
    }

    fn check(&self, token: &str, now: SystemTime) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::NoJwt)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::NoJwt)?;
        self.check_signature(header, message, signature)?;
        let payload: Payload = decoded(payload).ok_or(TokenError::Claims)?;
        self.check_claims(&payload, now)?;
        Ok(Claims {
            subject: payload.sub.unwrap_or_default(),
            access: payload.access.unwrap_or_default(),
            ends: self.end(payload.exp),
        })
    }

    fn check_signature(
        &self,
        header: &str,
        message: &str,
        signature: &str,
    ) -> Result<(), TokenError> {
        let header: Header = decoded(header).ok_or(TokenError::NoJwt)?;
        if header.alg != self.algorithm.name() {
            return Err(TokenError::Algorithm(self.algorithm));
        }
        // Who sets it means "refuse unless you understand" (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(TokenError::NoJwt);
        }
        let keys = self.keys.candidates(header.kid.as_deref());
        if keys.is_empty() {
            return Err(TokenError::UnknownKey);
        }
        let signed = keys.iter().any(|key| key.verifies(message, signature));
        if signed { Ok(()) } else { Err(TokenError::Signature) }
    }

    /// When a token with this `exp` ends. One that outlives the calendar is verified each time.
    fn end(&self, exp: f64) -> SystemTime {
        let since = Duration::try_from_secs_f64(exp).unwrap_or_default();
        let end = UNIX_EPOCH.checked_add(since).and_then(|end| end.checked_add(self.leeway));
        end.unwrap_or(UNIX_EPOCH)
    }

    fn check_claims(&self, payload: &Payload, now: SystemTime) -> Result<(), TokenError> {
        if payload.iss != self.issuer {
            return Err(TokenError::Issuer);
        }
        if !payload.aud.includes(&self.audience) {
            return Err(TokenError::Audience);
        }
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let leeway = self.leeway.as_secs_f64();
        if now >= payload.exp + leeway {
            return Err(TokenError::Expired);
        }
        if payload.nbf.is_some_and(|nbf| nbf > now + leeway) {
            return Err(TokenError::NotYet);
        }
        Ok(())
    }
}

impl Audience {
    fn includes(&self, audience: &str) -> bool {
        match self {
            Audience::One(one) => one == audience,
            Audience::Several(several) => several.iter().any(|one| one == audience),
        }
    }
}

fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests;
