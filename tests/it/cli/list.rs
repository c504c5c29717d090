//! `remora list`, beside Debian's registry.

use serde_json::Value;

use super::sandbox::Sandbox;
use super::{IMAGE_1_0, IMAGE_1_1};
use crate::registry_server::RegistryServer;
use crate::tools::skopeo;

/// A registry with both releases as `app:1` and `app:2`.
fn registry(sandbox: &Sandbox) -> (RegistryServer, String) {
    let registry = RegistryServer::open();
    let app = format!("{}/app", registry.address());
    for (release, tag) in [("1.0", "1"), ("1.1", "2")] {
        let source = format!("oci:{}:{release}", sandbox.path("thermostat").display());
        let target = format!("docker://{app}:{tag}");
        skopeo(&["copy", "--dest-tls-verify=false", "--quiet", &source, &target]);
    }
    (registry, app)
}

fn listed(sandbox: &Sandbox, image: &str) -> Vec<Value> {
    let answer = sandbox.succeed(&format!("list {image} --json")).stdout;
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    answer["deltas"].as_array().expect("an array").clone()
}

#[test]
fn deltas_are_found_by_tag_and_by_what_refers_to_the_image() {
    let sandbox = Sandbox::new();
    let (_registry, app) = registry(&sandbox);
    assert_eq!(listed(&sandbox, &format!("{app}:2")), [Value::Null; 0]);

    // Without a tag that begins with delta- only its subject leads to it.
    sandbox.succeed(&format!("create {app}:1 {app}:2 --output {app}:other --manifest oci --quiet"));
    let deltas = listed(&sandbox, &format!("{app}:2"));
    let [delta] = &deltas[..] else { panic!("one delta: {deltas:?}") };
    let digest = delta["digest"].as_str().expect("a digest");
    assert_eq!(delta["reference"], format!("{app}@{digest}"));
    assert_eq!((&delta["base_id"], &delta["target_id"]), (&IMAGE_1_0.into(), &IMAGE_1_1.into()));

    // The manifest of Docker's kind has no subject, its tag is all there is.
    sandbox.succeed(&format!("create {app}:1 {app}:2 --output {app}:delta-1-2 --quiet"));
    let deltas = listed(&sandbox, &format!("{app}:2"));
    assert_eq!(deltas.len(), 2);
    assert!(deltas.iter().any(|delta| delta["reference"] == format!("{app}:delta-1-2")));
    let text = sandbox.succeed(&format!("list {app}:1")).stdout;
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains("delta-1-2") && text.contains("this image  "), "{text}");
}

#[test]
fn what_only_looks_like_a_delta_is_passed_over() {
    let sandbox = Sandbox::new();
    let (_registry, app) = registry(&sandbox);
    let (source, copy) = (format!("docker://{app}:1"), format!("docker://{app}:delta-no"));
    let tls = ["--src-tls-verify=false", "--dest-tls-verify=false", "--quiet"];
    skopeo(&[&["copy"][..], &tls, &[&source, &copy]].concat());
    let text = sandbox.succeed(&format!("list {app}:2")).stdout;
    assert_eq!(String::from_utf8_lossy(&text), format!("no deltas for {app}:2\n"));
}

#[test]
fn an_image_outside_registries_has_no_list() {
    let ran = Sandbox::new().run("list oci:thermostat:1.1");
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("is not in a registry"), "{}", ran.stderr);
}

#[test]
fn a_delta_in_an_images_place_is_called_one_by_its_format() {
    let sandbox = Sandbox::new();
    let (_registry, app) = registry(&sandbox);
    for format in ["v3", "remora", "oci-delta"] {
        let delta = format!("{app}:delta-{format}");
        sandbox
            .succeed(&format!("create {app}:1 {app}:2 --format {format} --output {delta} --quiet"));
        for line in [
            format!("list {delta}"),
            format!("apply {delta} {app}:2 --output oci:x"),
            format!("create {delta} {app}:2 --output oci:x"),
        ] {
            let ran = sandbox.run(&line);
            assert_eq!(ran.code, Some(4), "{line}\n{}", ran.stderr);
            let what = format!("{delta} is a delta of the format {format}, and an image is wanted");
            assert!(ran.stderr.contains(&what), "{line}\n{}", ran.stderr);
            assert!(
                ran.stderr.contains("remora inspect") || line.starts_with("apply"),
                "{}",
                ran.stderr
            );
        }
    }
    let ran = sandbox.run(&format!("inspect {app}:1"));
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("is an image and no delta"), "{}", ran.stderr);
    assert!(ran.stderr.contains("remora list IMAGE"), "{}", ran.stderr);
}
