//! Artifacts that contradict themselves, each refused with what is wrong.

use remora::Dialect;
use serde_json::{Value, json};

use super::{Artifact, DIALECTS, Scene};

/// What is done to an artifact.
type Change = fn(&mut Artifact);

/// The annotations of blob number `number`.
fn notes(delta: &mut Artifact, number: usize) -> &mut serde_json::Map<String, Value> {
    delta.manifest["layers"][number]["annotations"].as_object_mut().expect("an object")
}

/// The key of the annotation of blob number `number` whose value begins as `start`.
fn key(delta: &mut Artifact, number: usize, start: &str) -> String {
    let found = notes(delta, number)
        .iter()
        .find(|(_, value)| value.as_str().is_some_and(|value| value.starts_with(start)));
    found.expect("such an annotation").0.clone()
}

fn drop_blob(delta: &mut Artifact, number: usize) {
    delta.blobs.remove(number);
    delta.manifest["layers"].as_array_mut().expect("an array").remove(number);
}

fn without(content: &str, delta: &mut Artifact) {
    let number = delta.blob(content, 0);
    drop_blob(delta, number);
}

fn name_layer(delta: &mut Artifact, to: &str) {
    let number = delta.blob("image-layer", 0);
    let key = key(delta, number, "sha256:");
    notes(delta, number).insert(key, json!(to));
}

const CASES: [(&str, Change); 12] = [
    ("it has no annotation", |delta| delta.manifest["annotations"] = json!({})),
    ("not an image ID", |delta| {
        let notes = delta.manifest["annotations"].as_object_mut().expect("an object");
        notes.values_mut().for_each(|value| *value = json!("sha256:\u{1b}[31m"));
    }),
    ("is not a delta", |delta| {
        delta.manifest["artifactType"] = json!("application/vnd.remora.image-delta.v99");
    }),
    ("it lacks the target's config", |delta| without("image-config", delta)),
    ("more than one image-config", |delta| {
        let number = delta.blob("image-config", 0);
        let (blob, entry) = (delta.blobs[number].clone(), delta.manifest["layers"][number].clone());
        delta.blobs.push(blob);
        delta.manifest["layers"].as_array_mut().expect("an array").push(entry);
    }),
    ("image-config has 8388609 bytes", |delta| {
        let number = delta.blob("image-config", 0);
        delta.blobs[number] = vec![b' '; (8 << 20) + 1];
    }),
    ("the image config cannot be read", |delta| {
        let number = delta.blob("image-config", 0);
        delta.blobs[number] = b"{}".to_vec();
    }),
    ("names another config", |delta| {
        let number = delta.blob("image-config", 0);
        delta.blobs[number].push(b' ');
    }),
    ("which the target has not", |delta| name_layer(delta, "sha256:00")),
    ("of the unknown type", |delta| {
        let number = delta.blob("image-layer", 0);
        delta.manifest["layers"][number]["mediaType"] = json!("application/x-other");
    }),
    ("which the base does not have", |delta| without("image-layer", delta)),
    ("layer 2: ", |delta| {
        let (one, other) = (delta.blob("image-layer", 0), delta.blob("image-layer", 1));
        delta.blobs.swap(one, other);
    }),
];

#[test]
fn artifacts_that_contradict_themselves_are_refused_with_what_is_wrong() {
    for dialect in DIALECTS {
        let scene = Scene::new(dialect);
        for (expected, change) in CASES {
            let mut delta = scene.delta.clone();
            change(&mut delta);
            let error = scene.apply(&delta).expect_err(expected).to_string();
            assert!(error.contains(expected), "{dialect}, {expected}: {error}");
        }
        assert!(scene.bench.work_in_progress().is_empty());
    }
}

#[test]
fn an_oci_delta_needs_the_targets_manifest_and_the_own_dialect_does_not() {
    for dialect in DIALECTS {
        let scene = Scene::new(dialect);
        let mut delta = scene.delta.clone();
        without("image-manifest", &mut delta);
        let applied = scene.apply(&delta);
        assert_eq!(applied.is_ok(), dialect == Dialect::Remora, "{dialect}");
    }
}

#[test]
fn what_a_reader_does_not_know_is_passed_over() {
    for dialect in DIALECTS {
        let scene = Scene::new(dialect);
        let mut delta = scene.delta.clone();
        let number = delta.blob("image-config", 0);
        let key = key(&mut delta, number, "image-config");
        delta.blobs.push(b"something new".to_vec());
        let entry =
            json!({ "mediaType": "application/x-new", "annotations": { key: "new-things" } });
        delta.manifest["layers"].as_array_mut().expect("an array").push(entry);
        delta.manifest["annotations"]["io.example.more"] = json!("yes");
        assert_eq!(scene.apply(&delta).expect("applies"), scene.target.config().bytes());
    }
}

#[test]
fn the_layer_of_a_delta_may_come_whole_and_compressed() {
    for dialect in DIALECTS {
        let scene = Scene::new(dialect);
        let mut delta = scene.delta.clone();
        let number = delta.blob("image-layer", 1);
        let tar = crate::images::layer_tar(&scene.target, 2);
        delta.blobs[number] = crate::images::gzip(&tar);
        delta.manifest["layers"][number]["mediaType"] =
            json!(remora::image::media_type::OCI_LAYER_GZIP);
        assert_eq!(scene.apply(&delta).expect("applies"), scene.target.config().bytes());
        // Another layer in its place is found out by the diff ID.
        delta.blobs[number] = crate::images::gzip(b"another tar");
        let error = scene.apply(&delta).expect_err("another layer").to_string();
        assert!(error.contains("rebuilt as sha256:"), "{error}");
    }
}
