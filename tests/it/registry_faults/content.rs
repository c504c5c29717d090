//! Blobs, manifests and indexes that are not what they should be.

use remora::ErrorKind;
use remora::image::ImageError;
use serde_json::{Value, json};

use super::{client, layer_path, open, read, reference, sample};
use crate::scripted_server::{Reply, ScriptedServer};

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
