//! Tokens of users: how long a session lasts, as far as its token says.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::api::Secret;

#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
}

/// Whether a token has ended, by this machine's clock.
pub(super) fn is_over(token: &Secret) -> bool {
    end_of(token.reveal()).is_some_and(|end| end <= SystemTime::now())
}

/// When a token ends; `None` if it does not say so. API keys are no JWTs and do not end.
fn end_of(token: &str) -> Option<SystemTime> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    let end = Duration::try_from_secs_f64(claims.exp?).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn the_end_is_the_tokens_own() {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(end_of(&token(r#"{"id":2,"exp":1700000000}"#)), Some(end));
        assert_eq!(end_of(&token(r#"{"id":2}"#)), None);
        assert_eq!(end_of(&token(r#"{"exp":-1}"#)), None);
        assert_eq!(end_of(&token(r#"{"exp":1e300}"#)), None);
        assert_eq!(end_of("0123456789abcdef0123456789abcdef"), None);
        assert_eq!(end_of("a.%%.c"), None);
    }
}
