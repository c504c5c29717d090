//! Changing a file with credentials: what is not changed stays as it is, known here or not. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize as _;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value, json};

use super::auth_file::{AuthFile, canonical_key};

/// The member that has the credentials, by registry.
const AUTHS: &str = "auths";

/// The members of an entry that let somebody in.
const SECRETS: [&str; 5] = ["auth", "username", "password", "identitytoken", "registrytoken"];

/// What is wrong with a file whose parts are not what they should be.
const WRONG_SHAPE: &str = "no valid JSON of that kind";

/// A file with credentials that is being changed.
pub(super) struct AuthDocument(Map<String, Value>);

impl AuthDocument {
    /// Reads a file; one without content is as one that is not there. The reason for refusing it
    /// never quotes it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.trim_ascii().is_empty() {
            return Ok(AuthDocument(Map::new()));
        }
        AuthFile::parse(bytes)?;
        let document: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|_| WRONG_SHAPE.to_owned())?;
        match document.get(AUTHS) {
            None | Some(Value::Object(_)) => Ok(AuthDocument(document)),
            Some(_) => Err(WRONG_SHAPE.to_owned()),
        }
    }

    /// Lets `user` in wherever `key` counts: every spelling of it that the file has, or else a new
    /// entry.
    pub(super) fn put(&mut self, key: &str, user: &str, password: &str) {
        let auth = STANDARD.encode(format!("{user}:{password}"));
        self.replace(key, &json!({ "auth": auth }));
    }

    /// Leaves an entry without secrets, the sign that a helper has them.
    pub(super) fn put_helpers(&mut self, key: &str) {
        self.replace(key, &json!({}));
    }

    /// Removes every spelling of `key`; says whether there was one that let somebody in.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        let mut had_secrets = false;
        self.auths().retain(|own, entry| {
            let is_meant = canonical_key(own) == key;
            had_secrets |= is_meant && has_secrets(entry);
            !is_meant
        });
        had_secrets
    }

    /// Removes all entries and gives the keys of those that let somebody in.
    pub(super) fn clear(&mut self) -> Vec<String> {
        let entries = std::mem::take(self.auths()).into_iter();
        entries.filter(|(_, entry)| has_secrets(entry)).map(|(key, _)| key).collect()
    }

    /// The file as podman and docker lay it out.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"\t"));
        self.0.serialize(&mut out).expect("JSON can be written to memory");
        bytes.push(b'\n');
        bytes
    }

    fn replace(&mut self, key: &str, new: &Value) {
        let auths = self.auths();
        let mut is_there = false;
        for (own, entry) in auths.iter_mut() {
            if canonical_key(own) == key {
                is_there = true;
                renew(entry, new);
            }
        }
        if !is_there {
            auths.insert(key.to_owned(), new.clone());
        }
    }

    fn auths(&mut self) -> &mut Map<String, Value> {
        let auths = self.0.entry(AUTHS).or_insert_with(|| json!({}));
        auths.as_object_mut().expect("no other is taken")
    }
}

fn has_secrets(entry: &Value) -> bool {
    SECRETS.iter().any(|name| entry.get(name).is_some())
}

/// Gives an entry the members of `new` in place of the secrets that it has.
fn renew(entry: &mut Value, new: &Value) {
    let mut members = entry.as_object().cloned().unwrap_or_default();
    members.retain(|name, _| !SECRETS.contains(&name.as_str()));
    members.extend(new.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
    *entry = members.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(json: &str, edit: impl FnOnce(&mut AuthDocument)) -> Value {
        let mut document = AuthDocument::parse(json.as_bytes()).expect("it is one");
        edit(&mut document);
        serde_json::from_slice(&document.to_bytes()).expect("JSON")
    }

    #[test]
    fn what_is_not_meant_stays_as_it_is_and_in_its_order() {
        let json = r#"{"z":{"q":1},"auths":{"b":{"auth":"eDp5"},"a":{"auth":"eDp5","email":"e"}},"x":[2]}"#;
        let mut document = AuthDocument::parse(json.as_bytes()).expect("it is one");
        document.put("a", "u", "p");
        let text = String::from_utf8(document.to_bytes()).expect("text");
        let expected = json.replace(r#""eDp5","email":"e""#, r#""","email":"e""#);
        let text: String = text.split_whitespace().collect();
        let expected = expected.replace(r#""auth":"","email":"e""#, r#""email":"e","auth":"dTpw""#);
        assert_eq!(text, expected);
    }

    #[test]
    fn every_spelling_of_a_registry_is_renewed_and_removed() {
        let json = r#"{"auths":{"https://index.docker.io/v1/":{"identitytoken":"t","auth":"eDp5"},
                       "docker.io":{"username":"x","password":"y"},"docker.io/team":{"auth":"eDp5"}}}"#;
        let kept = edited(json, |document| document.put("docker.io", "u", "p"));
        for key in ["https://index.docker.io/v1/", "docker.io"] {
            assert_eq!(kept["auths"][key], json!({ "auth": "dTpw" }), "{key}");
        }
        let left = edited(json, |document| assert!(document.remove("docker.io")));
        assert_eq!(left, json!({ "auths": { "docker.io/team": { "auth": "eDp5" } } }));
    }

    #[test]
    fn a_file_without_content_is_a_new_one() {
        for json in ["", " \n", "{}", r#"{"auths":{}}"#] {
            let kept = edited(json, |document| document.put("a", "u", "p"));
            assert_eq!(kept, json!({ "auths": { "a": { "auth": "dTpw" } } }), "{json:?}");
        }
        let left = edited(r#"{"auths":{"a":{}}}"#, |document| assert!(!document.remove("a")));
        assert_eq!(left, json!({ "auths": {} }));
    }

    #[test]
    fn a_file_of_another_shape_is_refused() {
        for json in ["[]", "secret", r#"{"auths":[]}"#, r#"{"auths":{"a":1}}"#] {
            let reason = AuthDocument::parse(json.as_bytes()).err().expect(json);
            assert!(reason.starts_with(WRONG_SHAPE) && !reason.contains("secret"), "{reason}");
        }
    }
}
