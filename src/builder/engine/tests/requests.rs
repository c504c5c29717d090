//! What an engine is told of a build.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::super::architecture::Architecture;
use super::super::request::{BuildRequest, BuildSecret, Login, login_header};
use crate::api::Secret;

fn request() -> BuildRequest {
    BuildRequest::new("host/v2/0123", "Dockerfile", Architecture::Aarch64)
}

fn fields(query: &str) -> Vec<(String, String)> {
    serde_urlencoded::from_str(query).expect("a query")
}

#[test]
fn nothing_is_said_that_was_not_asked_for() {
    let query = request().query(None, None);
    let names: Vec<String> = fields(&query).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["t", "dockerfile", "buildargs", "labels", "rm", "forcerm"]);
}

#[test]
fn everything_that_is_asked_for_is_said() {
    let mut request = request();
    request.arguments.insert("A".to_owned(), "1&\"é".to_owned());
    (request.no_cache, request.pull, request.by_platform) = (true, true, true);
    request.target = Some("stage".to_owned());
    (request.shm_size, request.memory) = (Some(8 << 30), Some(4 << 30));
    request.cache_from = vec!["one".to_owned(), "two".to_owned()];
    request.extra_hosts = vec!["a:1.2.3.4".to_owned(), "b:1.2.3.5".to_owned()];
    let fields = fields(&request.query(Some("none"), Some("id")));
    let expected = [
        ("t", "host/v2/0123:latest"),
        ("dockerfile", "Dockerfile"),
        ("buildargs", r#"{"A":"1&\"é"}"#),
        ("labels", "{}"),
        ("rm", "1"),
        ("forcerm", "1"),
        ("nocache", "1"),
        ("pull", "1"),
        ("platform", "linux/arm64/v8"),
        ("target", "stage"),
        ("shmsize", "8589934592"),
        ("memory", "4294967296"),
        ("networkmode", "none"),
        ("cachefrom", r#"["one","two"]"#),
        ("version", "2"),
        ("session", "id"),
        ("extrahosts", "a:1.2.3.4"),
        ("extrahosts", "b:1.2.3.5"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(fields, expected);
}

#[test]
fn logins_are_written_in_the_alphabet_that_engines_read() {
    let mut request = request();
    // Base64 of these has the two characters in which the alphabets differ.
    let password = "??>>~~".repeat(3);
    let login = Login::Password { username: "ann".to_owned(), password: Secret::new(&password) };
    request.registries.insert("host".to_owned(), login);
    request.registries.insert("other".to_owned(), Login::Token(Secret::new("token")));
    let headers = request.headers();
    let text = headers["x-registry-config"].to_str().expect("text");
    let json = URL_SAFE.decode(text).expect("the alphabet for URLs");
    let told: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(told["host"]["password"], password);
    assert_eq!(told["other"]["registrytoken"], "token");
}

#[test]
fn secrets_are_not_shown() {
    let mut request = request();
    request.secrets.push(BuildSecret { id: "id".to_owned(), content: b"hush".to_vec() });
    let login = Login::Token(Secret::new("hush"));
    request.registries.insert("host".to_owned(), login.clone());
    let shown = format!("{request:?} {:?} {:?}", login_header(&login), request.headers());
    assert!(!shown.contains("hush") && !shown.contains("104, 117"), "{shown}");
}
