//! Signatures of the target that a delta for hosts brings along.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use super::trust::Scene;
use super::{remora, run};

/// A registry with two releases, of which the second is signed by tag and by a bundle that refers to it, and a third that
/// is not.
fn signed_releases() -> Scene {
    let scene = Scene::new();
    scene.push("team/app:1", "one");
    let two = scene.push("team/app:2", "two");
    scene.push("team/app:3", "three");
    scene.sign_by_tag("team/app", two, &[("p256", "team/app"), ("other", "team/app")]);
    scene.sign_by_bundle("team/app:bundle", two, "ed25519");
    scene
}

fn create(scene: &Scene, format: &str, target: &str, output: &str, options: &[&str]) -> Output {
    let [base, target] = ["team/app:1", target].map(|name| scene.at(name));
    let line = ["create", &base, &target, "--format", format, "--output", output];
    let mut command = remora(scene.folder.path(), &[]);
    command.args(line).arg("--signatures").args(options);
    command.output().expect("started")
}

fn inspected(folder: &Path, delta: &str) -> Value {
    let answer = run(folder, &[], &["inspect", delta, "--json"]);
    serde_json::from_slice(&answer.stdout).expect("JSON")
}

#[test]
fn a_delta_brings_the_signatures_that_its_targets_registry_has() {
    let scene = signed_releases();
    let folder = scene.folder.path();
    for format in ["remora", "oci-delta"] {
        let delta = format!("oci:{}:{format}", folder.join("deltas").display());
        let made = create(&scene, format, "team/app:2", &delta, &["--json"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let summary: Value = serde_json::from_slice(&made.stdout).expect("JSON");
        assert_eq!(summary["signatures"], 2);
        let report = inspected(folder, &delta);
        let signatures = report["signatures"].as_array().expect("an array");
        assert_eq!(signatures.len(), 3, "{report:#}");
        assert!(signatures.iter().all(|signature| signature["signs_target"] == true), "{report:#}");
        let named = signatures.iter().filter(|it| it["name"] == scene.at("team/app").as_str());
        assert_eq!(named.count(), 2, "{report:#}");
        let applied = format!("oci:{}:{format}", folder.join("applied").display());
        let base = scene.at("team/app:1");
        run(folder, &[], &["apply", &base, &delta, "--output", &applied]);
    }
}

#[test]
fn the_same_signatures_make_the_same_delta() {
    let scene = signed_releases();
    let digest = |name: &str| {
        let delta = format!("oci:{}:{name}", scene.folder.path().join("deltas").display());
        let made = create(&scene, "remora", "team/app:2", &delta, &["--json"]);
        let summary: Value = serde_json::from_slice(&made.stdout).expect("JSON");
        summary["delta_digest"].clone()
    };
    assert_eq!(digest("one"), digest("two"));
}

#[test]
fn signatures_that_are_not_there_are_asked_for_in_vain() {
    let scene = signed_releases();
    let delta = format!("oci:{}:1", scene.folder.path().join("deltas").display());
    let refused = |output: Output, words: &str| {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(words), "{told}");
        assert!(!scene.folder.path().join("deltas").exists(), "{words}");
    };
    refused(
        create(&scene, "remora", "team/app:3", &delta, &[]),
        "has no signature of its manifest",
    );
    refused(create(&scene, "v3", "team/app:2", &delta, &[]), "--signatures means nothing");
    let [base, target] = [super::BASE, super::TARGET];
    let mut local = remora(scene.folder.path(), &[]);
    local.args(["create", base, target, "--output", &delta]);
    local.args(["--format", "remora", "--signatures"]);
    refused(local.output().expect("started"), "it is in no registry");
}

#[test]
fn whoever_wants_a_signature_that_does_not_come_along_is_told_how_it_does() {
    let scene = signed_releases();
    let folder = scene.folder.path();
    let stick = |name: &str| format!("oci-archive:{}", folder.join(name).display());
    let (signed, bare) = (stick("signed.tar"), stick("bare.tar"));
    let made = create(&scene, "remora", "team/app:2", &signed, &[]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let [base, target] = ["team/app:1", "team/app:2"].map(|name| scene.at(name));
    let create = ["create", &base, &target, "--format", "remora", "--output", &bare];
    run(folder, &[], &create);
    run(folder, &[], &["pull", &base]);

    let key = folder.join("p256.pub").display().to_string();
    let pull = |delta: &str, more: &[&str]| {
        let mut command = remora(folder, &[]);
        command.args(["pull", delta, "--verify-key", &key]).args(more);
        let output = command.output().expect("started");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = pull(&bare, &["--as", &target]);
    assert_eq!(code, Some(4), "{told}");
    assert!(
        told.contains("hint: name the image in its registry") && told.contains("--signatures"),
        "{told}"
    );
    let (code, told) = pull(&signed, &[]);
    assert_eq!(code, Some(4), "{told}");
    assert!(
        told.contains("the image was given no name") && told.contains("hint: say by its name"),
        "{told}"
    );
    let (code, told) = pull(&signed, &["--as", &target]);
    assert_eq!(code, Some(0), "{told}");
}
