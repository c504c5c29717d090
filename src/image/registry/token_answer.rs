//! What a token server's answer says: the token, and for how long it counts (Docker token
//! authentication spec, "Requesting a Token"; RFC 7519, section 4.1.4 for `exp`). Pure.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::limits::{MAX_TOKEN_LIFE, TOKEN_LIFE};

/// A token and its lifetime from the moment it was asked for.
pub(super) struct TokenAnswer {
    pub(super) token: String,
    pub(super) lifetime: Duration,
}

/// The fields of an answer. They are looked at one by one: token servers write `expires_in` in every
/// way there is, and a token is as good whatever stands beside it. Of a doubled field the last counts.
type Fields = BTreeMap<String, Box<RawValue>>;

/// The claims of a token that is a JWT.
#[derive(Deserialize)]
struct Claims {
    exp: f64,
    iat: Option<f64>,
}

/// Reads an answer that came at the time `now`. `None` if there is no token in it.
pub(super) fn parse(body: &[u8], now: SystemTime) -> Option<TokenAnswer> {
    let fields: Fields = serde_json::from_slice(body).ok()?;
    let text = |name: &str| serde_json::from_str::<String>(fields.get(name)?.get()).ok();
    let token = ["token", "access_token"].into_iter().filter_map(text);
    let token = token.into_iter().find(|token| !token.is_empty())?;
    let said = fields.get("expires_in").and_then(|value| seconds(value.get()));
    let lifetime = said.or_else(|| jwt_lifetime(&token, now)).unwrap_or(TOKEN_LIFE);
    Some(TokenAnswer { token, lifetime: lifetime.clamp(TOKEN_LIFE, MAX_TOKEN_LIFE) })
}

/// A number of seconds, written as a number or as a string. What is no time to come says nothing.
fn seconds(json: &str) -> Option<Duration> {
    let number: f64 = json.trim_matches('"').trim().parse().ok()?;
    (number > 0.0).then(|| to_duration(number))
}

/// What is left of a token by its own claims. Clocks differ: a token does not live longer than from
/// `iat` to `exp`, whatever the clock here says.
fn jwt_lifetime(token: &str, now: SystemTime) -> Option<Duration> {
    let payload = token.split('.').nth(1)?.trim_end_matches('=');
    let Claims { exp, iat } =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    let left = exp - iat.map_or(now, |iat| iat.max(now));
    (left > 0.0).then(|| to_duration(left))
}

/// At most [`MAX_TOKEN_LIFE`]: the number may be any.
fn to_duration(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.min(MAX_TOKEN_LIFE.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When answers come in these tests.
    const NOW: u64 = 1_000_000;

    fn parsed(body: &str) -> Option<(String, u64)> {
        let answer = parse(body.as_bytes(), UNIX_EPOCH + Duration::from_secs(NOW))?;
        Some((answer.token, answer.lifetime.as_secs()))
    }

    fn jwt(claims: &str) -> String {
        format!("x.{}.x", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn however_the_lifetime_is_written_the_token_is_used() {
        for (expires_in, seconds) in [
            ("300", 300),
            ("\"300\"", 300),
            ("300.9", 300),
            ("3e2", 300),
            ("7200, \"expires_in\": 300", 300),
            ("0", 60),
            ("-1", 60),
            ("5", 60),
            ("null", 60),
            ("true", 60),
            ("\"soon\"", 60),
            ("{}", 60),
            ("\"NaN\"", 60),
            ("99999999999999999999999", MAX_TOKEN_LIFE.as_secs()),
            ("1e400", MAX_TOKEN_LIFE.as_secs()),
        ] {
            let body = format!(r#"{{"token":"t","expires_in":{expires_in}}}"#);
            assert_eq!(parsed(&body), Some(("t".to_owned(), seconds)), "{expires_in}");
        }
    }

    #[test]
    fn a_token_that_says_when_it_ends_lives_until_then() {
        for (claims, seconds) in [
            (r#"{"exp":1014400}"#, 14_400),
            (r#"{"exp":1014400,"iat":1000000}"#, 14_400),
            // The clock here is late, or early.
            (r#"{"exp":1014400,"iat":1014100}"#, 300),
            (r#"{"exp":1000200,"iat":985800}"#, 200),
            (r#"{"exp":999999,"iat":990000}"#, 60),
            (r#"{"exp":"never"}"#, 60),
            ("{}", 60),
        ] {
            let token = jwt(claims);
            assert_eq!(parsed(&format!(r#"{{"token":"{token}"}}"#)), Some((token, seconds)));
        }
        // What the server says comes first.
        let body = format!(r#"{{"token":"{}","expires_in":300}}"#, jwt(r#"{"exp":1014400}"#));
        assert_eq!(parsed(&body).map(|(_, seconds)| seconds), Some(300));
    }

    #[test]
    fn the_token_has_two_names() {
        for (body, token) in [
            (r#"{"token":"a","access_token":"b"}"#, Some("a")),
            (r#"{"token":"","access_token":"b"}"#, Some("b")),
            (r#"{"token":null,"access_token":"b"}"#, Some("b")),
            (r#"{"access_token":"b","refresh_token":7}"#, Some("b")),
            (r#"{"token":["a"]}"#, None),
            (r#"{"token":""}"#, None),
            ("{}", None),
            ("[]", None),
            ("token", None),
        ] {
            assert_eq!(parsed(body).map(|(token, _)| token).as_deref(), token, "{body}");
        }
    }
}
