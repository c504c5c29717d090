//! What registries answer that is no success: what can be tried again is, and the rest is passed on in
//! their words, with what helps.

use remora::Remedy;
use remora::image::{Image, ImageError, ImageReference, Transports};
use remora::progress::Silent;
use serde_json::json;
use tempfile::TempDir;

use crate::registry_client;
use crate::sample_image::{SampleImage, Style, layer_tar};
use crate::scripted_server::{Reply, Request, ScriptedServer};

fn client() -> (Transports, TempDir) {
    registry_client::client(3, &json!({}))
}

fn sample() -> SampleImage {
    SampleImage::new(Style::Docker, "x")
}

fn reference(server: &ScriptedServer) -> ImageReference {
    format!("{}/app:1", server.address()).parse().expect("a reference")
}

fn open(server: &ScriptedServer) -> Result<Image, ImageError> {
    client().0.open(&reference(server), &"linux/amd64".parse().expect("a platform"))
}

fn push(server: &ScriptedServer) -> Result<(), ImageError> {
    client().0.write(&reference(server), &sample().contents, &Silent).map(|_| ())
}

/// A registry whose first token is over at once, which it says as `over` does.
fn with_short_tokens(over: Reply) -> ScriptedServer {
    ScriptedServer::with_image(&sample(), move |request| {
        let host = request.header("host").unwrap_or_default();
        if request.path.starts_with("/token") {
            let token = json!({ "token": format!("t{}", request.earlier), "expires_in": 3600 });
            return Some(Reply::ok(token.to_string()));
        }
        let challenge = format!("Bearer realm=\"http://{host}/token\"");
        match request.header("authorization") {
            None => Some(Reply::status(401).header("WWW-Authenticate", challenge)),
            Some("Bearer t0") => Some(over.clone()),
            Some(_) => None,
        }
    })
}

#[test]
fn a_token_that_is_over_is_fetched_anew_however_that_is_said() {
    let expired =
        r#"{"errors":[{"code":"DENIED","message":"Your Authorization Token has expired."}]}"#;
    for over in [
        Reply::status(400).body(expired),
        Reply::status(403).body(expired),
        Reply::status(400).body("token expired"),
        Reply::status(401),
    ] {
        let server = with_short_tokens(over);
        sample().assert_is(&open(&server).expect("with a fresh token"));
        assert_eq!(server.requests_to("GET", "/token").len(), 2);
    }
}

#[test]
fn a_refusal_that_is_not_about_the_token_is_not_tried_again() {
    for status in [400, 403] {
        let server = with_short_tokens(Reply::status(status).body("the name is invalid"));
        let error = open(&server).expect_err("refused").to_string();
        assert!(error.ends_with(": the name is invalid"), "{error}");
        assert_eq!(server.requests_to("GET", "/token").len(), 1);
    }
}

#[test]
fn a_registry_for_which_every_token_is_over_is_an_error() {
    let server = ScriptedServer::with_image(&sample(), |request| {
        let host = request.header("host").unwrap_or_default();
        if request.path.starts_with("/token") {
            return Some(Reply::ok(
                json!({ "token": format!("t{}", request.earlier) }).to_string(),
            ));
        }
        let challenge = format!("Bearer realm=\"http://{host}/token\"");
        Some(match request.header("authorization") {
            None => Reply::status(401).header("WWW-Authenticate", challenge),
            Some(_) => Reply::status(400).body("the token is expired"),
        })
    });
    let error = open(&server).expect_err("for ever").to_string();
    assert!(error.ends_with(": the token is expired"), "{error}");
    assert_eq!(server.requests_to("GET", "/token").len(), 2);
}

#[test]
fn a_signed_url_that_has_ended_is_asked_for_again() {
    for status in [400, 403] {
        let sample = sample();
        let path = format!("/blobs/{}", sample.contents.layers[0].digest);
        let storage = ScriptedServer::with_image(&sample, move |request: &Request| {
            let ended = request.path.ends_with("&signature=0");
            ended
                .then(|| Reply::status(status).body("<Code>AccessDenied</Code>Request has expired"))
        });
        let address = storage.address();
        let server = ScriptedServer::with_image(&sample, move |request| {
            let name = request.path.rsplit('/').next().unwrap_or_default();
            let to = format!("http://{address}/{name}?x=/{name}&signature={}", request.earlier);
            request.is("GET", &path).then(|| Reply::status(307).header("Location", to))
        });
        let image = open(&server).expect("opened");
        // The storage has nothing at such a path: the second answer is what counts.
        let error = layer_tar(&image, 0).expect_err("a 404").to_string();
        assert!(error.contains("does not have the blob"), "{error}");
        let asked = storage.requests_to("GET", "&signature=");
        assert_eq!(asked.len(), 2, "once more, and no oftener");
        assert!(asked[1].path.ends_with("&signature=1"), "with a fresh URL");
    }
}

#[test]
fn an_upload_url_that_has_ended_is_asked_for_again() {
    let storage = ScriptedServer::taking_everything(|request| {
        let ended = request.path.contains("signature=0");
        ended.then(|| Reply::status(403).body("Request has expired"))
    });
    let address = storage.address();
    let server = ScriptedServer::taking_everything(move |request| {
        let place = format!("http://{address}/put?signature={}", request.earlier);
        (request.method == "POST").then(|| Reply::status(202).header("Location", place))
    });
    push(&server).expect("with a fresh URL");
    assert_eq!(storage.requests_to("PUT", "signature=0").len(), 1);
}

#[test]
fn a_url_of_the_registry_s_own_host_keeps_the_registry_s_scheme() {
    // Behind a proxy that ends TLS it is the other way round; the rule is one.
    let server = ScriptedServer::taking_everything(|request| {
        let host = request.header("host").unwrap_or_default();
        let place = format!("https://{host}/upload/1?state=x");
        (request.method == "POST").then(|| Reply::status(202).header("Location", place))
    });
    push(&server).expect("pushed in plain HTTP");
    assert_eq!(server.requests_to("PUT", "/upload/1").len(), 3);
}

#[test]
fn a_token_server_at_the_registry_s_own_host_keeps_the_registry_s_scheme() {
    let server = ScriptedServer::with_image(&sample(), |request| {
        let host = request.header("host").unwrap_or_default();
        if request.path.starts_with("/token") {
            return Some(Reply::ok(r#"{"token":"t"}"#));
        }
        let challenge = format!("Bearer realm=\"https://{host}/token\"");
        let known = request.header("authorization").is_some();
        (!known).then(|| Reply::status(401).header("WWW-Authenticate", challenge))
    });
    sample().assert_is(&open(&server).expect("opened"));
}

#[test]
fn what_a_registry_says_in_detail_is_passed_on() {
    let server = ScriptedServer::with_image(&sample(), |request| {
        let body = json!({ "errors": [{
            "code": "MANIFEST_INVALID", "message": "manifest invalid", "detail": "no\nannotations here",
        }]});
        request.is("GET", "/manifests/").then(|| Reply::status(400).body(body.to_string()))
    });
    let error = open(&server).expect_err("refused").to_string();
    assert!(error.ends_with(": manifest invalid (\"no annotations here\")"), "{error}");
}

#[test]
fn refusals_come_with_what_helps() {
    let quota =
        r#"{"errors":[{"code":"DENIED","message":"adding 7 MiB exceeds the project's quota"}]}"#;
    for (status, body, remedy) in [
        (413, "", Remedy::LargerUploads),
        (415, "", Remedy::OtherManifestKind),
        (403, quota, Remedy::RegistrySpace),
        (412, quota, Remedy::RegistrySpace),
        (507, "", Remedy::RegistrySpace),
        (400, "Client sent an HTTP request to an HTTPS server.", Remedy::SpeakTls),
    ] {
        let server = ScriptedServer::taking_everything(move |request| {
            request.is("PUT", "/manifests/").then(|| Reply::status(status).body(body))
        });
        let error = push(&server).expect_err("refused");
        assert_eq!(error.remedy(), Some(remedy), "{status}: {error}");
        assert_eq!(server.requests_to("PUT", "/manifests/").len(), 1, "{status} does not pass");
    }
}
