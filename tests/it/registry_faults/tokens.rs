//! Token servers that end, lead elsewhere, or answer rubbish.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::{client, open, password, reference, sample};
use crate::sample_image::{SampleImage, layer_tar};
use crate::scripted_server::{Reply, ScriptedServer};

/// A registry whose token server is itself; a token is good until `end` is raised, then a new one is.
fn expiring(sample: &SampleImage, end: Arc<AtomicBool>) -> ScriptedServer {
    ScriptedServer::with_image(sample, move |request| {
        let host = request.header("host").unwrap_or_default();
        if request.path.starts_with("/token") {
            let token = format!("token-{}", request.earlier);
            return Some(Reply::ok(json!({ "access_token": token }).to_string()));
        }
        let wanted = if end.load(Ordering::Relaxed) { "Bearer token-1" } else { "Bearer token-0" };
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"s\"");
        let known = request.header("authorization") == Some(wanted);
        (!known).then(|| Reply::status(401).header("WWW-Authenticate", challenge))
    })
}

#[test]
fn a_token_that_ends_in_the_middle_of_a_job_is_renewed() {
    let (sample, end) = (sample(), Arc::new(AtomicBool::new(false)));
    let server = expiring(&sample, Arc::clone(&end));
    let (client, _folder) = client(&json!({}));
    let image = client.open(&reference(&server), &"linux/amd64".parse().expect("a platform"));
    let image = image.expect("opened");
    end.store(true, Ordering::Relaxed);
    assert!(layer_tar(&image, 0).expect("renewed") == sample.tars[0]);
    assert!(layer_tar(&image, 1).expect("kept") == sample.tars[1]);
    assert_eq!(server.requests_to("GET", "/token").len(), 2);
}

#[test]
fn a_token_server_elsewhere_in_plain_http_gets_no_password() {
    let server = ScriptedServer::with_image(&sample(), |_| {
        let challenge = "Bearer realm=\"http://auth.invalid/token\",service=\"s\"";
        Some(Reply::status(401).header("WWW-Authenticate", challenge))
    });
    let (client, _folder) = client(&password(&server));
    let error = client.open(&reference(&server), &"linux/amd64".parse().expect("a platform"));
    let error = error.expect_err("plain HTTP").to_string();
    assert_eq!(error, "auth.invalid wants to be reached in plain HTTP");
}

#[test]
fn a_token_server_cannot_pass_an_identity_token_on() {
    let elsewhere = ScriptedServer::taking_everything(|_| None);
    let to = format!("http://{}/token", elsewhere.address());
    let server = ScriptedServer::with_image(&sample(), move |request| {
        let host = request.header("host").unwrap_or_default();
        let challenge = format!("Bearer realm=\"http://{host}/token\"");
        Some(match request.path.starts_with("/token") {
            true => Reply::status(307).header("Location", &to),
            false => Reply::status(401).header("WWW-Authenticate", challenge),
        })
    });
    let login = json!({ server.address(): { "identitytoken": "secret" } });
    let (client, _folder) = client(&login);
    let error = client.open(&reference(&server), &"linux/amd64".parse().expect("a platform"));
    let error = error.expect_err("no token").to_string();
    assert!(error.ends_with("the registry answered 307 to a request for a token"), "{error}");
    let sent = String::from_utf8_lossy(&server.requests_to("POST", "/token")[0].body).into_owned();
    assert!(sent.contains("refresh_token=secret&"), "{sent}");
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn a_token_server_that_answers_rubbish_is_an_error_without_the_rubbish() {
    for body in
        ["secret", "{}", r#"{"token":""}"#, r#"{"token":"a\nb"}"#, r#"{"token":["secret"]}"#]
    {
        let server = ScriptedServer::with_image(&sample(), move |request| {
            let host = request.header("host").unwrap_or_default();
            let challenge = format!("Bearer realm=\"http://{host}/token\"");
            Some(match request.path.starts_with("/token") {
                true => Reply::ok(body),
                false => Reply::status(401).header("WWW-Authenticate", challenge),
            })
        });
        let error = open(&server).expect_err(body);
        assert!(error.to_string().contains("answer makes no sense"), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}
