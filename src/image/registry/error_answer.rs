//! What an answer without success says: the error documents of registries (OCI distribution spec, "Error
//! Codes") and what stands in their place elsewhere. Pure.

use oci_client::errors::{OciEnvelope, OciError};
use serde::Deserialize;
use serde_json::Value;

use super::limits::{MAX_DETAIL_CHARS, MAX_MESSAGE_CHARS};

/// The specification's document where the registry has codes of its own, or members of other types.
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
#[serde(default)]
struct Problem {
    code: Value,
    message: Value,
    detail: Value,
}

impl Default for Problem {
    fn default() -> Self {
        Problem { code: Value::Null, message: Value::Null, detail: Value::Null }
    }
}

/// The members that say what is wrong in the answers of token servers and proxies.
const OTHER_MEMBERS: [&str; 4] = ["message", "details", "error_description", "error"];

/// What the body says, cut to a length and without control characters, after a colon.
pub(super) fn message(body: &[u8]) -> String {
    let text = match problems(body) {
        Some(problems) => problems.iter().map(Problem::text).collect::<Vec<_>>().join(", "),
        None => {
            other_document(body).unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned())
        }
    };
    if text.is_empty() { text } else { format!(": {}", printable(&text, MAX_MESSAGE_CHARS)) }
}

fn problems(body: &[u8]) -> Option<Vec<Problem>> {
    match serde_json::from_slice::<OciEnvelope>(body) {
        Ok(envelope) => Some(envelope.errors.into_iter().map(Problem::from).collect()),
        Err(_) => Some(serde_json::from_slice::<Envelope>(body).ok()?.errors),
    }
}

impl From<OciError> for Problem {
    fn from(OciError { code, message, detail }: OciError) -> Self {
        let code = serde_json::to_value(code).unwrap_or_default();
        Problem { code, message: message.into(), detail }
    }
}

/// Whether the body says that a token is over. There is no code for that: public ECR says
/// `DENIED` with the status 400.
pub(super) fn says_token_is_over(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    ["token", "jwt", "authorization", "authentication", "credential"]
        .iter()
        .any(|what| text.contains(what))
        && text.contains("expired")
}

impl Problem {
    fn text(&self) -> String {
        let said = plain(&self.message).or_else(|| plain(&self.code)).unwrap_or_default();
        match plain(&self.detail).filter(|detail| *detail != said) {
            None => said,
            Some(detail) => format!("{said} ({:?})", printable(&detail, MAX_DETAIL_CHARS)),
        }
    }
}

/// A value as people read it; `None` if it says nothing.
fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.trim().to_owned(),
        Value::Object(members) if members.is_empty() => return None,
        Value::Array(items) if items.is_empty() => return None,
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

fn other_document(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    OTHER_MEMBERS.iter().find_map(|name| plain(document.get(name)?))
}

/// The first `limit` characters, those that move the cursor replaced.
pub(super) fn printable(text: &str, limit: usize) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_is_passed_on_with_its_details() {
        for (body, text) in [
            (r#"{"errors":[{"code":"X","message":"no\nspace","detail":null}]}"#, ": no space"),
            (r#"{"errors":[{"code":"X","message":"m","detail":"why"}]}"#, r#": m ("why")"#),
            (r#"{"errors":[{"code":"X","message":"m","detail":"m"}]}"#, ": m"),
            (r#"{"errors":[{"code":"X","detail":{"a":1}}]}"#, r#": X ("{\"a\":1}")"#),
            (r#"{"errors":[{"code":"A"},{"message":"b","detail":{}}]}"#, ": A, b"),
            (r#"{"errors":[{"code":7,"message":["odd"]}]}"#, r#": ["odd"]"#),
            (r#"{"details":"incorrect username or password"}"#, ": incorrect username or password"),
            (r#"{"error":"x","error_description":"y"}"#, ": y"),
            ("<html>", ": <html>"),
            ("", ""),
            (r#"{"errors":[]}"#, ""),
        ] {
            assert_eq!(message(body.as_bytes()), text, "{body}");
        }
    }

    #[test]
    fn details_have_an_end() {
        let long = "é".repeat(10_000);
        let body = format!(r#"{{"errors":[{{"message":"m","detail":"{long}"}}]}}"#);
        let text = message(body.as_bytes());
        assert_eq!(text.chars().count(), ": m (\"\")".len() + MAX_DETAIL_CHARS);
        let body = format!(r#"{{"errors":[{{"message":"{long}"}}]}}"#);
        assert_eq!(message(body.as_bytes()).chars().count(), 2 + MAX_MESSAGE_CHARS);
    }

    #[test]
    fn a_token_that_is_over_is_known_by_the_text() {
        for text in [
            r#"{"errors":[{"code":"DENIED","message":"Your Authorization Token has expired. Reauthenticate and try again."}]}"#,
            "token expired",
            "JWT is expired",
        ] {
            assert!(says_token_is_over(text.as_bytes()), "{text}");
        }
        for text in ["", "the manifest is invalid", "token missing", "the upload expired"] {
            assert!(!says_token_is_over(text.as_bytes()), "{text}");
        }
    }
}
