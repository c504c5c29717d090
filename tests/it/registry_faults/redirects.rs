//! Where redirects lead, and what does not go with them.

use remora::progress::Silent;

use super::{client, guarded, layer_path, password, push, read, reference, sample};
use crate::sample_image::layer_tar;
use crate::scripted_server::{Reply, ScriptedServer};

#[test]
fn a_redirect_to_another_host_does_not_get_the_password() {
    let sample = sample();
    let storage = ScriptedServer::with_image(&sample, |_| None);
    let (address, path) = (storage.address(), layer_path(&sample));
    let server = ScriptedServer::with_image(&sample, move |request| {
        let to = format!("http://{address}/storage{path}");
        let redirect = || Reply::status(307).header("Location", to);
        guarded(request).or_else(|| request.is("GET", &path).then(redirect))
    });
    let (client, _folder) = client(&password(&server));
    let image = client.open(&reference(&server), &"linux/amd64".parse().expect("a platform"));
    assert!(layer_tar(&image.expect("opened"), 0).expect("redirected") == sample.tars[0]);
    let redirected = storage.requests_to("GET", "/storage/");
    assert_eq!(redirected.len(), 1);
    assert_eq!(redirected[0].header("authorization"), None);
    assert_eq!(redirected[0].header("referer"), None);
}

#[test]
fn a_host_that_a_redirect_led_to_does_not_say_where_the_password_goes() {
    let sample = sample();
    let path = layer_path(&sample);
    let thief = ScriptedServer::with_image(&sample, |_| None);
    let realm = format!("Bearer realm=\"http://{}/token\"", thief.address());
    let storage = ScriptedServer::with_image(&sample, move |_| {
        Some(Reply::status(401).header("WWW-Authenticate", &realm))
    });
    let address = storage.address();
    let redirected = path.clone();
    let server = ScriptedServer::with_image(&sample, move |request| {
        let to = format!("http://{address}/storage{redirected}");
        let redirect = || Reply::status(307).header("Location", to);
        guarded(request).or_else(|| request.is("GET", &redirected).then(redirect))
    });
    let (client, _folder) = client(&password(&server));
    let image = client.open(&reference(&server), &"linux/amd64".parse().expect("a platform"));
    assert!(layer_tar(&image.expect("opened"), 0).is_err());
    assert_eq!(storage.requests_to("GET", &path).len(), 1, "the redirect was followed");
    assert_eq!(thief.requests_to("GET", "/token").len(), 0);
    assert_eq!(thief.requests_to("POST", "/token").len(), 0);
}

#[test]
fn an_upload_to_another_host_does_not_get_the_password() {
    let sample = sample();
    let storage = ScriptedServer::taking_everything(|_| None);
    let address = storage.address();
    let server = ScriptedServer::taking_everything(move |request| {
        let place =
            || Reply::status(202).header("Location", format!("http://{address}/put?signature=s"));
        guarded(request).or_else(|| (request.method == "POST").then(place))
    });
    let (client, _folder) = client(&password(&server));
    client.write(&reference(&server), &sample.contents, &Silent).expect("pushed");
    let uploads = storage.requests_to("PUT", "/put?signature=s&digest=");
    assert_eq!(uploads.len(), 3);
    assert!(uploads.iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn a_registry_cannot_lead_us_to_plain_http_elsewhere() {
    let sample = sample();
    let path = layer_path(&sample);
    let server = ScriptedServer::with_image(&sample, move |request| {
        let elsewhere = Reply::status(307).header("Location", "http://registry.invalid/x");
        request.is("GET", &path).then_some(elsewhere)
    });
    let error = read(&server).expect_err("plain HTTP").to_string();
    assert!(error.contains("redirected to plain HTTP"), "{error}");

    let server = ScriptedServer::taking_everything(|request| {
        let elsewhere = Reply::status(202).header("Location", "http://registry.invalid/x");
        (request.method == "POST").then_some(elsewhere)
    });
    let error = push(&server, &sample).expect_err("plain HTTP").to_string();
    assert_eq!(error, "registry.invalid wants to be reached in plain HTTP");
}

#[test]
fn a_redirect_that_goes_round_is_an_error() {
    let sample = sample();
    let path = layer_path(&sample);
    let server = ScriptedServer::with_image(&sample, move |request| {
        let round = Reply::status(307).header("Location", &request.path);
        request.is("GET", &path).then_some(round)
    });
    let error = read(&server).expect_err("round and round").to_string();
    assert!(error.contains("too many redirects"), "{error}");
}
