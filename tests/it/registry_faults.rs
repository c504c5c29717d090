//! Registries and networks that misbehave: what can be saved is saved, the rest is a clear error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use remora::ErrorKind;
use remora::image::{Image, ImageError, ImageReference, Platform, TransportSettings, Transports};
use remora::progress::{Progress, Silent, Stage};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sample_image::{SampleImage, Style, layer_tar};
use crate::scripted_server::{Reply, Request, ScriptedServer};

/// Attempts of the clients in these tests.
const ATTEMPTS: u32 = 4;

fn client(auths: &Value) -> (Transports, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let authfile = folder.path().join("auth.json");
    std::fs::write(&authfile, json!({ "auths": auths }).to_string()).expect("written");
    let settings = TransportSettings::default().changed(|settings| {
        settings.authfile = Some(authfile);
        settings.max_attempts = ATTEMPTS;
        settings.retry_pause = Duration::from_millis(1);
    });
    (Transports::new(settings).expect("readable files"), folder)
}

fn reference(server: &ScriptedServer) -> ImageReference {
    format!("{}/app:1", server.address()).parse().expect("a reference")
}

fn open(server: &ScriptedServer) -> Result<Image, ImageError> {
    let platform: Platform = "linux/amd64".parse().expect("a platform");
    client(&json!({})).0.open(&reference(server), &platform)
}

fn push(server: &ScriptedServer, sample: &SampleImage) -> Result<(), ImageError> {
    client(&json!({})).0.write(&reference(server), &sample.contents, &Silent).map(|_| ())
}

/// Opens the image and reads layer 0.
fn read(server: &ScriptedServer) -> Result<Vec<u8>, ImageError> {
    layer_tar(&open(server)?, 0).map_err(ImageError::from_read)
}

fn sample() -> SampleImage {
    SampleImage::new(Style::Docker, "x")
}

/// The end of the path of layer 0's blob.
fn layer_path(sample: &SampleImage) -> String {
    format!("/blobs/{}", sample.contents.layers[0].digest)
}

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

/// Asks for a password before it gives anything.
fn guarded(request: &Request) -> Option<Reply> {
    let known = request.header("authorization").is_some();
    (!known).then(|| Reply::status(401).header("WWW-Authenticate", "Basic realm=\"test\""))
}

fn password(server: &ScriptedServer) -> Value {
    json!({ server.address(): { "username": "ann", "password": "secret" } })
}

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

#[test]
fn blobs_that_are_not_what_they_should_be_are_refused() {
    let sample = sample();
    let blob = sample.blob(0).to_vec();
    let mut flipped = blob.clone();
    flipped[blob.len() / 2] ^= 1;
    let longer = [&blob[..], b"more"].concat();
    let size = blob.len();
    for (body, problem) in [
        (flipped, "has the digest sha256:".to_owned()),
        (longer, format!("has more than {size} bytes")),
    ] {
        let path = layer_path(&sample);
        let server = ScriptedServer::with_image(&sample, move |request| {
            request.is("GET", &path).then(|| Reply::ok(body.clone()))
        });
        let mut blob = open(&server).expect("opened").open_layer(0).expect("opened");
        let error = std::io::copy(&mut blob, &mut std::io::sink()).expect_err("not the blob");
        let error = ImageError::from_read(error);
        assert!(error.to_string().contains(&problem), "{error}");
        assert_eq!(error.kind(), ErrorKind::Content);
    }
}

#[test]
fn a_blob_that_the_registry_has_only_in_part_is_an_error() {
    let sample = sample();
    let (path, blob) = (layer_path(&sample), sample.blob(0).to_vec());
    let len = blob.len();
    let server = ScriptedServer::with_image(&sample, move |request| {
        let whole = request.header("range").is_none();
        let answer = || if whole { Reply::ok(&blob[..len - 10]) } else { Reply::status(416) };
        request.is("GET", &path).then(answer)
    });
    let error = read(&server).expect_err("too short");
    assert!(
        error.to_string().contains(&format!("has {} bytes instead of {len}", len - 10)),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Content);
}

#[test]
fn manifests_that_cannot_be_trusted_are_refused() {
    let digest = format!("sha256:{}", "0".repeat(64));
    for (reply, problem) in [
        (Reply::ok(vec![b' '; 5 << 20]), "larger than 4194304 bytes"),
        (Reply::ok("{}").header("Docker-Content-Digest", &digest), "has the digest sha256:44136fa"),
        (Reply::ok(r#"{"schemaVersion":1}"#), "schema 1"),
        (
            Reply::ok("{}").header(
                "Content-Type",
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
            ),
            "schema 1",
        ),
        (Reply::ok("<html>"), "cannot be read"),
    ] {
        let server = ScriptedServer::with_image(&sample(), move |request| {
            request.is("GET", "/manifests/").then(|| reply.clone())
        });
        let error = open(&server).expect_err(problem);
        assert!(error.to_string().contains(problem), "{error}");
        assert_eq!(error.kind(), ErrorKind::Content);
    }
}

#[test]
fn a_foreign_layer_s_urls_are_never_followed() {
    let mut sample = sample();
    let elsewhere = ScriptedServer::with_image(&sample, |_| None);
    let mut manifest: Value = serde_json::from_slice(&sample.contents.manifest).expect("JSON");
    manifest["layers"][0]["mediaType"] =
        json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
    let url = format!("http://{}/v2/app{}", elsewhere.address(), layer_path(&sample));
    manifest["layers"][0]["urls"] = json!([url]);
    sample.contents.manifest = manifest.to_string().into_bytes();
    let path = layer_path(&sample);
    let server = ScriptedServer::with_image(&sample, move |request| {
        request.is("GET", &path).then(|| Reply::status(404))
    });
    let error = read(&server).expect_err("not there");
    assert!(error.to_string().ends_with(", a foreign layer"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("never followed")));
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn an_index_leads_to_the_manifest_for_the_platform() {
    let sample = sample();
    let entry = |architecture: &str| {
        json!({
            "mediaType": sample.contents.manifest_media_type,
            "digest": sample.manifest_digest(), "size": sample.contents.manifest.len(),
            "platform": { "os": "linux", "architecture": architecture },
        })
    };
    let index = json!({ "schemaVersion": 2, "manifests": [entry("arm64"), entry("amd64")] });
    let index_type = "application/vnd.oci.image.index.v1+json; charset=utf-8";
    let reply = Reply::ok(index.to_string()).header("Content-Type", index_type);
    let server = ScriptedServer::with_image(&sample, move |request| {
        request.is("GET", "/manifests/1").then(|| reply.clone())
    });
    sample.assert_is(&open(&server).expect("amd64"));
    let by_digest = format!("/manifests/{}", sample.manifest_digest());
    assert_eq!(server.requests_to("GET", &by_digest).len(), 1);
    let (client, _folder) = client(&json!({}));
    let error = client.open(&reference(&server), &"linux/386".parse().expect("a platform"));
    let error = error.expect_err("not there").to_string();
    assert!(
        error.ends_with("has no image for linux/386; it has linux/arm64, linux/amd64"),
        "{error}"
    );
}

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

/// Adds up what a push reports.
#[derive(Default)]
struct Counted {
    expected: std::sync::atomic::AtomicU64,
    done: std::sync::atomic::AtomicU64,
}

impl Progress for Counted {
    fn expect(&self, stage: Stage, units: u64) {
        assert_eq!(stage, Stage::Push);
        self.expected.fetch_add(units, Ordering::Relaxed);
    }

    fn advance(&self, _stage: Stage, units: u64) {
        self.done.fetch_add(units, Ordering::Relaxed);
    }
}

#[test]
fn an_upload_that_fails_begins_again_and_is_counted_once() {
    let sample = sample();
    let server = ScriptedServer::taking_everything(|request| match request.method.as_str() {
        "POST" if request.earlier == 0 => Some(Reply::status(503)),
        "PUT" if request.path.starts_with("/upload/") && request.earlier == 0 => {
            Some(Reply::status(500))
        }
        "PUT" if request.path.starts_with("/upload/") && request.earlier == 1 => {
            Some(Reply::status(404))
        }
        _ => None,
    });
    let counted = Counted::default();
    let (client, _folder) = client(&json!({}));
    client.write(&reference(&server), &sample.contents, &counted).expect("in the end");
    let size = sample.contents.layers.iter().map(|layer| layer.size).sum::<u64>();
    let size = size + sample.contents.config.len() as u64;
    assert_eq!(counted.expected.into_inner(), size);
    assert_eq!(counted.done.into_inner(), size);
    let uploads = server.requests_to("PUT", &sample.contents.layers[0].digest.hex());
    assert_eq!(uploads.len(), 3);
    assert!(uploads.iter().all(|upload| upload.body == sample.blob(0)));
}

#[test]
fn the_manifest_comes_last_and_not_at_all_if_a_blob_fails() {
    let sample = sample();
    let server = ScriptedServer::taking_everything(|_| None);
    push(&server, &sample).expect("pushed");
    let last = server.requests().pop().expect("requests");
    assert!(last.is("PUT", "/v2/app/manifests/1"), "{} {}", last.method, last.path);
    assert_eq!(last.header("content-type"), Some(sample.contents.manifest_media_type.as_str()));
    assert_eq!(last.body, sample.contents.manifest);

    let failing = ScriptedServer::taking_everything(|request| {
        request.is("PUT", "/upload/").then(|| Reply::status(400).body("no space"))
    });
    let error = push(&failing, &sample).expect_err("refused").to_string();
    assert!(error.ends_with("the registry answered 400 to uploading a blob: no space"), "{error}");
    assert_eq!(failing.requests_to("PUT", "/manifests/").len(), 0);
}

fn probe(server: &ScriptedServer) -> Result<(), ImageError> {
    let image = format!("{}/app:1", server.address());
    let image = image.parse().expect("a reference");
    client(&json!({})).0.probe_push(&image)
}

#[test]
fn a_push_is_asked_for_before_the_work_and_leaves_nothing_behind() {
    let server = ScriptedServer::taking_everything(|request| {
        (request.method == "DELETE").then(|| Reply::status(204))
    });
    probe(&server).expect("welcome");
    let cancelled = server.requests_to("DELETE", "/upload/1?state=x");
    assert_eq!(cancelled.len(), 1);
    assert_eq!(server.requests_to("PUT", "").len(), 0);
    // A registry that cannot cancel forgets the upload by itself.
    for status in [404, 405, 500] {
        let server = ScriptedServer::taking_everything(move |request| {
            (request.method == "DELETE").then(|| Reply::status(status))
        });
        probe(&server).expect("welcome all the same");
    }
}

#[test]
fn a_push_that_a_registry_would_refuse_is_refused_when_asked_for() {
    for status in [400, 401, 403, 404, 405, 413, 415, 501] {
        let server = ScriptedServer::taking_everything(move |request| {
            (request.method == "POST").then(|| Reply::status(status))
        });
        let error = probe(&server).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Environment, "{status}: {error}");
        assert_eq!(server.requests_to("DELETE", "").len(), 0);
    }
}

#[test]
fn a_blob_that_changed_since_it_was_made_is_not_published() {
    let mut sample = sample();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("layer");
    std::fs::write(&path, vec![0; sample.contents.layers[0].size as usize]).expect("written");
    sample.contents.layers[0].data = remora::image::BlobData::File(path);
    let server = ScriptedServer::taking_everything(|_| None);
    let error = push(&server, &sample).expect_err("another blob");
    assert!(error.to_string().contains("the image to be written: blob sha256:"), "{error}");
    assert_eq!(server.requests_to("PUT", "/manifests/").len(), 0);
}

#[test]
fn a_registry_that_stores_another_manifest_is_caught() {
    let server = ScriptedServer::taking_everything(|request| {
        let other = Reply::status(201)
            .header("Docker-Content-Digest", format!("sha256:{}", "0".repeat(64)));
        request.is("PUT", "/manifests/").then_some(other)
    });
    let error = push(&server, &sample()).expect_err("another digest").to_string();
    assert!(
        error.contains("the registry's answer makes no sense: it stored the manifest"),
        "{error}"
    );
}
