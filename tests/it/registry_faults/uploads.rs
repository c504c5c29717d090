//! Pushing to registries that fail, refuse, or store something else.

use std::sync::atomic::Ordering;

use remora::ErrorKind;
use remora::image::ImageError;
use remora::progress::{Progress, Stage};
use serde_json::json;

use super::{client, push, reference, sample};
use crate::scripted_server::{Reply, ScriptedServer};

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
