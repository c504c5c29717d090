//! What a request's `Authorization` header says, and the builder credential.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, header};
use sha2::Sha256;

use super::AccessError;
use super::token::TokenError;

/// The name that goes with the builder credential (docs/openbalena.md, "Tokens").
const BUILDER: &str = "builder";

/// The credential of a request (RFC 9110, section 11.6.2).
pub(super) enum Credential<'a> {
    /// A token as it is (RFC 6750, section 2.1).
    Bearer(&'a str),
    /// A name and a secret, in base64 (RFC 7617).
    Basic(&'a str),
}

impl<'a> Credential<'a> {
    /// The one credential of a request.
    pub(super) fn of(headers: &'a HeaderMap) -> Result<Self, TokenError> {
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        let given = all.next().ok_or(TokenError::Missing)?;
        if all.next().is_some() {
            return Err(TokenError::Repeated);
        }
        let text = given.to_str().map_err(|_| TokenError::NotBearer)?;
        let (scheme, rest) = text.split_once(' ').ok_or(TokenError::NotBearer)?;
        let credential = rest.trim_matches(' ');
        if credential.is_empty() {
            return Err(TokenError::NotBearer);
        }
        match scheme {
            _ if scheme.eq_ignore_ascii_case("bearer") => Ok(Credential::Bearer(credential)),
            _ if scheme.eq_ignore_ascii_case("basic") => Ok(Credential::Basic(credential)),
            _ => Err(TokenError::NotBearer),
        }
    }
}

/// The secret of the release pipeline. Not kept itself: only its MAC under a key of this process,
/// which a given secret's MAC is compared with in constant time.
pub(super) struct BuilderSecret {
    mac: Hmac<Sha256>,
    expected: [u8; 32],
}

impl BuilderSecret {
    pub(super) fn new(secret: &str) -> Result<Self, AccessError> {
        if secret.is_empty() {
            return Err(AccessError::Empty("builder token"));
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| AccessError::Random(error.to_string()))?;
        let mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        let expected = mac.clone().chain_update(secret).finalize().into_bytes().into();
        Ok(BuilderSecret { mac, expected })
    }

    /// Whether a request came with it.
    pub(super) fn sent(&self, headers: &HeaderMap) -> bool {
        Credential::of(headers).is_ok_and(|credential| self.is(&credential))
    }

    /// Whether this is the secret itself, with nothing around it.
    pub(super) fn is_secret(&self, secret: &str) -> bool {
        self.matches(secret.as_bytes())
    }

    /// Whether this is `Bearer <secret>` or `Basic builder:<secret>`.
    fn is(&self, credential: &Credential<'_>) -> bool {
        match credential {
            Credential::Bearer(secret) => self.matches(secret.as_bytes()),
            Credential::Basic(encoded) => {
                let decoded = STANDARD.decode(encoded).unwrap_or_default();
                let secret = decoded.strip_prefix(BUILDER.as_bytes());
                let secret = secret.and_then(|rest| rest.strip_prefix(b":"));
                secret.is_some_and(|secret| self.matches(secret))
            }
        }
    }

    fn matches(&self, secret: &[u8]) -> bool {
        self.mac.clone().chain_update(secret).verify_slice(&self.expected).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const SECRET: &str = "s3cret:with colon";

    fn is_builder(header: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(header).expect("a header"));
        let secret = BuilderSecret::new(SECRET).expect("a secret");
        secret.sent(&headers)
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn the_builder_credential_is_taken_in_both_forms() {
        assert!(is_builder(&format!("Bearer {SECRET}")));
        assert!(is_builder(&format!("bearer  {SECRET}  ")));
        assert!(is_builder(&basic(&format!("builder:{SECRET}"))));
        assert!(is_builder(&basic(&format!("builder:{SECRET}")).replace("Basic", "BASIC")));
    }

    #[test]
    fn anything_else_is_not_the_builder() {
        for header in [
            "".to_owned(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            SECRET.to_owned(),
            format!("Token {SECRET}"),
            format!("Basic {SECRET}"),
            format!("Bearer builder:{SECRET}"),
            format!("Bearer {SECRET}x"),
            format!("Bearer {}", &SECRET[1..]),
            format!("Bearer {}", SECRET.to_uppercase()),
            format!("Bearer {}", "x".repeat(100_000)),
            basic(SECRET),
            basic(""),
            basic("builder"),
            basic("builder:"),
            basic(&format!("Builder:{SECRET}")),
            basic(&format!(":{SECRET}")),
            basic(&format!("builder:{SECRET}\n")),
            basic(&format!("d_0123:{SECRET}")),
        ] {
            assert!(!is_builder(&header), "{header}");
        }
    }

    #[test]
    fn an_empty_secret_lets_nobody_in() {
        assert!(matches!(BuilderSecret::new(""), Err(AccessError::Empty("builder token"))));
    }

    #[test]
    fn two_headers_are_refused() {
        let mut headers = HeaderMap::new();
        assert_eq!(Credential::of(&headers).err(), Some(TokenError::Missing));
        for _ in 0..2 {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        }
        assert_eq!(Credential::of(&headers).err(), Some(TokenError::Repeated));
    }
}
