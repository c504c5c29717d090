//! Reading from registries that stall, stop in the middle, or want to be left alone.

use std::time::Duration;

use remora::ErrorKind;
use remora::image::Platform;
use remora::progress::{Progress, Stage};
use serde_json::json;

use super::{ATTEMPTS, client, layer_path, open, read, reference, sample};
use crate::scripted_server::{Reply, Request, ScriptedServer};

#[test]
fn a_blob_that_is_cut_off_is_taken_up_where_it_stopped() {
    let sample = sample();
    let (path, blob) = (layer_path(&sample), sample.blob(0).to_vec());
    let answer = move |request: &Request| match request.header("range") {
        None if request.is("GET", &path) => Some(Reply::ok(blob.clone()).cut_to(100_000)),
        Some("bytes=100000-") if request.earlier < 2 => {
            let range = format!("bytes 100000-{}/{}", blob.len() - 1, blob.len());
            let rest = Reply::status(206).body(&blob[100_000..]).header("Content-Range", range);
            Some(rest.cut_to(50_000))
        }
        _ => None,
    };
    let server = ScriptedServer::with_image(&sample, answer);
    assert!(read(&server).expect("whole") == sample.tars[0]);
    let requests = server.requests_to("GET", &layer_path(&sample));
    let ranges: Vec<Option<&str>> =
        requests.iter().map(|request| request.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=100000-"), Some("bytes=150000-")]);
}

#[test]
fn a_server_without_ranges_sends_the_blob_again() {
    let sample = sample();
    let (path, blob) = (layer_path(&sample), sample.blob(0).to_vec());
    let server = ScriptedServer::with_image(&sample, move |request| {
        let cut = [1000, 2000, blob.len()][request.earlier.min(2)];
        request.is("GET", &path).then(|| Reply::ok(blob.clone()).cut_to(cut))
    });
    assert!(read(&server).expect("whole") == sample.tars[0]);
    assert_eq!(server.requests_to("GET", &layer_path(&sample)).len(), 3);
}

#[test]
fn a_server_that_refuses_to_begin_in_the_middle_sends_the_blob_again() {
    let sample = sample();
    let (path, blob) = (layer_path(&sample), sample.blob(0).to_vec());
    let server = ScriptedServer::with_image(&sample, move |request| {
        let cut = [1000, 1000, blob.len()][request.earlier.min(2)];
        let whole = Reply::ok(blob.clone()).cut_to(cut);
        let answer = if request.header("range").is_some() { Reply::status(416) } else { whole };
        request.is("GET", &path).then_some(answer)
    });
    assert!(read(&server).expect("whole") == sample.tars[0]);
    let requests = server.requests_to("GET", &layer_path(&sample));
    let ranges: Vec<_> = requests.iter().map(|request| request.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=1000-"), None]);
}

#[test]
fn a_blob_that_never_gets_further_is_given_up() {
    let sample = sample();
    let (path, blob) = (layer_path(&sample), sample.blob(0).to_vec());
    let server = ScriptedServer::with_image(&sample, move |request| {
        let cut = if request.earlier == 0 { 1000 } else { 0 };
        request.is("GET", &path).then(|| Reply::ok(blob.clone()).cut_to(cut))
    });
    let error = read(&server).expect_err("cut for ever");
    assert_eq!(error.kind(), ErrorKind::Environment, "{error}");
    assert_eq!(server.requests_to("GET", &layer_path(&sample)).len(), 1 + ATTEMPTS as usize - 1);
}

#[test]
fn passing_failures_are_waited_out() {
    let sample = sample();
    let server = ScriptedServer::with_image(&sample, |request| {
        let faults = [
            Reply::status(500),
            Reply::status(429).header("Retry-After", "0"),
            Reply::status(503).header("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ];
        (request.path != "/v2/").then(|| faults.get(request.earlier).cloned()).flatten()
    });
    assert!(read(&server).expect("in the end") == sample.tars[0]);
    assert_eq!(server.requests_to("GET", "/manifests/1").len(), 4);
}

#[test]
fn lasting_failures_are_given_up_after_the_last_attempt() {
    for (status, attempts, text) in [
        (
            500,
            ATTEMPTS as usize,
            "the registry answered 500 to a request for the manifest: out of order",
        ),
        (502, ATTEMPTS as usize, "answered 502"),
        (400, 1, "answered 400"),
        (501, 1, "answered 501"),
        (403, 1, "access denied: out of order"),
    ] {
        let server = ScriptedServer::with_image(&sample(), move |request| {
            let body = r#"{"errors":[{"code":"UNKNOWN","message":"out of\norder"}]}"#;
            request.is("GET", "/manifests/").then(|| Reply::status(status).body(body))
        });
        let error = open(&server).expect_err("never");
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(error.kind(), ErrorKind::Environment);
        assert_eq!(server.requests_to("GET", "/manifests/").len(), attempts, "{status}");
    }
}

#[test]
fn a_pause_of_a_day_is_reported_instead_of_waited_for() {
    let server = ScriptedServer::with_image(&sample(), |request| {
        request.is("GET", "/manifests/").then(|| Reply::status(429).header("Retry-After", 86_400))
    });
    let error = open(&server).expect_err("busy").to_string();
    assert!(error.ends_with("asks to come back in 86400 s (status 429)"), "{error}");
    assert_eq!(server.requests_to("GET", "/manifests/").len(), 1);
}

#[test]
fn a_registry_that_asks_for_a_pause_is_left_alone_by_all() {
    let server = ScriptedServer::with_image(&sample(), |request| {
        request.is("GET", "/manifests/").then(|| Reply::status(429).header("Retry-After", 3600))
    });
    let (client, _folder) = client(&json!({}));
    let platform: Platform = "linux/amd64".parse().expect("a platform");
    for name in ["app:1", "app:2", "other:1"] {
        let reference = format!("{}/{name}", server.address()).parse().expect("a reference");
        let error = client.open(&reference, &platform).expect_err("busy").to_string();
        assert!(error.contains("asks to come back in 3600 s (status 429)"), "{error}");
    }
    assert_eq!(server.requests_to("GET", "/manifests/").len(), 1);
}

#[test]
fn a_registry_that_refuses_head_is_asked_with_get() {
    for status in [400, 403, 405, 501] {
        let sample = sample();
        let server = ScriptedServer::with_image(&sample, move |request| {
            request.is("HEAD", "/manifests/").then(|| Reply::status(status))
        });
        let image = format!("{}/app:1", server.address()).parse().expect("a reference");
        let found = client(&json!({})).0.find(&image).expect("an answer");
        assert_eq!(found, Some(sample.manifest_digest()), "{status}");
    }
}

/// Tells the work to stop a moment after it began.
struct StopsSoon(std::time::Instant);

impl Progress for StopsSoon {
    fn expect(&self, _stage: Stage, _units: u64) {}

    fn advance(&self, _stage: Stage, _units: u64) {}

    fn cancelled(&self) -> bool {
        self.0.elapsed() > Duration::from_millis(500)
    }
}

#[test]
fn whatever_a_registry_stalls_at_work_that_is_told_to_stop_stops() {
    let sample = sample();
    let config = format!("/blobs/{}", sample.id());
    for stalled in ["/manifests/1".to_owned(), config, layer_path(&sample)] {
        let path = stalled.clone();
        let server = ScriptedServer::with_image(&sample, move |request| {
            if request.is("GET", &path) {
                std::thread::sleep(Duration::from_secs(20));
            }
            None
        });
        let folder = tempfile::tempdir().expect("a folder");
        let store = remora::store::Store::open(folder.path()).expect("a store");
        let progress = StopsSoon(std::time::Instant::now());
        let platform: Platform = "linux/amd64".parse().expect("a platform");
        let (client, _folder) = client(&json!({}));
        let opened = client.open_watched(&reference(&server), &platform, &progress);
        let kind = match opened {
            Err(error) => error.kind(),
            Ok(image) => store.ensure_layer(&image, 0, &progress).expect_err("stopped").kind(),
        };
        assert_eq!(kind, ErrorKind::Cancelled, "{stalled}");
        assert!(progress.0.elapsed() < Duration::from_secs(3), "{stalled}");
    }
}

#[test]
fn a_registry_that_is_not_there_is_an_error_of_the_environment() {
    let address = format!("127.0.0.1:{}/app", crate::registry_server::free_port());
    let platform = "linux/amd64".parse().expect("a platform");
    let error = client(&json!({})).0.open(&address.parse().expect("a reference"), &platform);
    let error = error.expect_err("nobody there");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Environment);
}
