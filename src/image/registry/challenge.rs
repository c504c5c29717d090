//! What a registry wants to see before it answers: its `WWW-Authenticate` header (RFC 9110, section
//! 11.6.1; Docker token authentication spec). Pure.

use http_auth::{ChallengeParser, ChallengeRef};
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// How a registry wants to be authenticated to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password with every request.
    Basic,
    /// A token from a token server.
    Bearer {
        /// The token server's URL.
        realm: String,
        /// The registry's name at the token server.
        service: Option<String>,
    },
}

/// The challenge of a 401; tokens are preferred to passwords. `None` if there is none that is known.
pub(super) fn parse(headers: &HeaderMap) -> Option<Challenge> {
    let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let known: Vec<Challenge> = texts
        .flat_map(|text| ChallengeParser::new(text).map_while(Result::ok))
        .filter_map(|challenge| from_parsed(&challenge))
        .collect();
    let is_bearer = |challenge: &&Challenge| matches!(challenge, Challenge::Bearer { .. });
    known.iter().find(is_bearer).or(known.first()).cloned()
}

fn from_parsed(challenge: &ChallengeRef<'_>) -> Option<Challenge> {
    let param = |name: &str| {
        let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_unescaped())
    };
    if challenge.scheme.eq_ignore_ascii_case("Bearer") {
        return Some(Challenge::Bearer { realm: param("realm")?, service: param("service") });
    }
    challenge.scheme.eq_ignore_ascii_case("Basic").then_some(Challenge::Basic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(values: &[&'static str]) -> Option<Challenge> {
        let pairs = values.iter().map(|value| (WWW_AUTHENTICATE, value.parse().expect("header")));
        let mut headers = HeaderMap::new();
        pairs.for_each(|(name, value)| {
            headers.append(name, value);
        });
        parse(&headers)
    }

    #[test]
    fn a_token_server_is_preferred_to_a_password() {
        let bearer = Challenge::Bearer {
            realm: "https://auth.example/token".to_owned(),
            service: Some("registry.example".to_owned()),
        };
        let text = r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a:pull""#;
        assert_eq!(parsed(&[text]), Some(bearer.clone()));
        assert_eq!(parsed(&["Basic realm=\"x\"", text]), Some(bearer));
        assert_eq!(parsed(&["basic realm=\"x\""]), Some(Challenge::Basic));
    }

    #[test]
    fn what_is_not_known_is_no_challenge() {
        for values in
            [&["Negotiate"][..], &["Bearer service=\"x\""], &["Bearer realm="], &[", ,"], &[]]
        {
            assert_eq!(parsed(values), None, "{values:?}");
        }
    }
}
