//! Token servers that are slow, or say odd things: nobody waits for another's token, and a token that
//! came is used.

use std::sync::Arc;
use std::time::{Duration, Instant};

use remora::image::{Digest, RegistryReference, Transports};
use serde_json::json;
use tempfile::TempDir;

use crate::registry_client;
use crate::sample_image::{SampleImage, Style};
use crate::scripted_server::{Reply, Request, ScriptedServer};

/// How long the slow token takes.
const SLOW: Duration = Duration::from_secs(4);

/// A client without credentials, and the folder of the file that says so.
fn client() -> (Transports, TempDir) {
    registry_client::client(1, &json!({}))
}

/// A registry with one image in every repository, whose token server answers as `token` says.
fn registry(token: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> ScriptedServer {
    ScriptedServer::with_image(&SampleImage::new(Style::Docker, "x"), move |request| {
        if request.path.starts_with("/token") {
            return Some(token(request));
        }
        let host = request.header("host").unwrap_or_default();
        let challenge = format!("Bearer realm=\"http://{host}/token\"");
        match request.header("authorization") {
            None => Some(Reply::status(401).header("WWW-Authenticate", challenge)),
            Some(_) if request.method == "HEAD" => {
                let digest = Digest::of(request.path.as_bytes());
                Some(Reply::status(200).header("Docker-Content-Digest", digest))
            }
            Some(_) => None,
        }
    })
}

fn find(client: &Transports, server: &ScriptedServer, name: &str) {
    let image: RegistryReference = format!("{}/{name}", server.address()).parse().expect("a name");
    let found = client.find(&image).expect("an answer");
    assert!(found.is_some(), "{name}");
}

#[test]
fn a_slow_token_keeps_nobody_waiting_who_wants_another() {
    let server = Arc::new(registry(|request| {
        if request.path.contains("slow") {
            std::thread::sleep(SLOW);
        }
        Reply::ok(r#"{"token":"t","expires_in":300}"#)
    }));
    let (client, _folder) = client();
    let client = Arc::new(client);
    find(&client, &server, "quick:1");
    let waiting = {
        let (client, server) = (Arc::clone(&client), Arc::clone(&server));
        std::thread::spawn(move || find(&client, &server, "slow:1"))
    };
    while server.requests_to("GET", "/token").len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let begun = Instant::now();
    find(&client, &server, "quick:2");
    find(&client, &server, "another:1");
    assert!(begun.elapsed() < SLOW / 2, "{:?}", begun.elapsed());
    assert!(!waiting.is_finished());
    waiting.join().expect("in the end");
}

#[test]
fn however_many_want_a_token_at_once_it_is_fetched_once() {
    let server = Arc::new(registry(|_| {
        std::thread::sleep(Duration::from_millis(300));
        Reply::ok(r#"{"token":"t"}"#)
    }));
    let (client, _folder) = client();
    let client = Arc::new(client);
    find(&client, &server, "first:1");
    let all: Vec<_> = (0..20)
        .map(|number| {
            let (client, server) = (Arc::clone(&client), Arc::clone(&server));
            std::thread::spawn(move || find(&client, &server, &format!("app:{number}")))
        })
        .collect();
    all.into_iter().for_each(|one| one.join().expect("found"));
    assert_eq!(server.requests_to("GET", "%3Aapp%3Apull").len(), 1);
}

#[test]
fn a_token_is_used_whatever_stands_beside_it() {
    for body in [
        r#"{"token":"t","expires_in":-1}"#,
        r#"{"token":"t","expires_in":"300"}"#,
        r#"{"token":"t","expires_in":299.5}"#,
        r#"{"token":"t","expires_in":300,"expires_in":300}"#,
        r#"{"token":"t","expires_in":1e999}"#,
        r#"{"token":"t","issued_at":7,"expires_in":null}"#,
        r#"{"access_token":"t","token":null}"#,
    ] {
        let server = registry(move |_| Reply::ok(body));
        let (client, _folder) = client();
        find(&client, &server, "app:1");
        find(&client, &server, "app:2");
        assert_eq!(server.requests_to("GET", "/token").len(), 1, "{body}");
        let last = server.requests().pop().expect("a request");
        assert_eq!(last.header("authorization"), Some("Bearer t"), "{body}");
    }
}
