//! create and apply over the fixture: the target comes out, whatever the way in and out.

use std::process::Stdio;

use super::{IMAGE_1_1, LAYOUT, Sandbox};
use crate::tools;

/// The digest of the config that skopeo finds in this image of the sandbox: the image ID.
fn image_id_by_skopeo(sandbox: &Sandbox, transport: &str, place: &str) -> String {
    let reference = format!("{transport}:{}", sandbox.path(place).display());
    let config = tools::skopeo(&["inspect", "--raw", "--config", &reference]);
    remora::image::Digest::of(config.as_bytes()).to_string()
}

#[test]
fn a_delta_of_every_kind_rebuilds_the_target() {
    let sandbox = Sandbox::new();
    let kinds = [
        "",
        "--algorithm rsync",
        "--prefer size --effort 9",
        "--effort 1 --threads 1",
        "--compression bzip2",
        "--compression xz",
        "--compression none",
        "--manifest oci",
        "--no-verify --memory 16MiB",
        "--link-rate 100M --device-speed copy=1ms,literal=0s",
    ];
    for kind in kinds {
        let images = format!("{LAYOUT}:1.0 {LAYOUT}:1.1");
        sandbox.succeed(&format!("create {images} --output oci:delta:x {kind}"));
        sandbox.succeed(&format!("apply {LAYOUT}:1.0 oci:delta:x --output oci:rebuilt:1.1"));
        assert_eq!(image_id_by_skopeo(&sandbox, "oci", "rebuilt:1.1"), IMAGE_1_1, "{kind}");
    }
    sandbox.assert_nothing_temporary();
}

#[test]
fn the_default_delta_is_smaller_than_block_matching() {
    let sandbox = Sandbox::new();
    let bytes = |options: &str| {
        let diff = format!("diff {LAYOUT}:1.0 {LAYOUT}:1.1 --json {options}");
        sandbox.succeed(&diff).json()["total"]["delta_bytes"].as_u64().expect("a number")
    };
    assert!(bytes("") < bytes("--algorithm rsync"));
    assert!(bytes("--prefer size") <= bytes(""));
}

#[test]
fn an_engine_at_both_ends_is_served_through_pipes() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    let archive = std::fs::File::open(sandbox.path("thermostat-1.0.tar")).expect("fixture");
    let out = std::fs::File::create(sandbox.path("out.tar")).expect("created");
    let arguments = "apply docker-archive:- oci:delta --output docker-archive:-:thermostat:1.1";
    let ran = sandbox
        .command(arguments)
        .stdin(Stdio::from(archive))
        .stdout(Stdio::from(out))
        .output()
        .expect("runs");
    assert!(ran.status.success());
    // stdout is the image's, so the summary went elsewhere.
    let summary = String::from_utf8_lossy(&ran.stderr);
    assert!(summary.contains(IMAGE_1_1), "{summary}");
    let id = image_id_by_skopeo(&sandbox, "docker-archive", "out.tar:thermostat:1.1");
    assert_eq!(id, IMAGE_1_1);
}

#[test]
fn the_same_images_make_the_same_delta_everywhere() {
    let digest = |options: &str| {
        let create =
            format!("create {LAYOUT}:1.0 {LAYOUT}:1.1 --output oci:delta --json {options}");
        Sandbox::new().succeed(&create).json()["delta_digest"].clone()
    };
    let first = digest("");
    assert!(first.is_string());
    assert_eq!(first, digest("--threads 1"));
    assert_eq!(first, digest("--threads 16"));
}
