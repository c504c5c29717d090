//! balena's own tool for release updates, @balena/release-update, on the stand-in's rows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::USER;
use crate::installation::Api;
use crate::tools;

/// The tool, and the SDK that it had when its answers were written down.
const PACKAGES: &str = r#"{ "private": true, "dependencies": { "@balena/release-update": "0.1.0", "balena-sdk": "22.4.9" } }"#;
const SCRIPT: &str = include_str!("release_update.cjs");

/// What the tool says of two releases, each an ID or a commit: its JSON, or what it wrote to stderr.
pub(crate) fn release_update(
    api: &Api,
    token: &str,
    from: &str,
    to: &str,
) -> Result<Value, String> {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    let folder = INSTALLED.get_or_init(install);
    let script = folder.join("release_update.cjs").display().to_string();
    let url = format!("http://{}", api.server.address());
    let mut node = Command::new("node");
    node.args([&script, &url, token, from, to]).env("HOME", folder);
    let output = node.output().unwrap_or_else(|error| tools::missing("node", &error));
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).expect("JSON and nothing else"))
}

/// Installs the packages below `target/`, where the next run finds them. A folder has its name only once it is
/// whole, so that test runs side by side do not meet half of one.
fn install() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let whole = target.join("release-update-0.1.0");
    if !whole.join("node_modules").exists() {
        let begun = tempfile::tempdir_in(target).expect("a folder").keep();
        std::fs::write(begun.join("package.json"), PACKAGES).expect("written");
        tools::npm_install(&begun);
        // Another run may have been quicker.
        if std::fs::rename(&begun, &whole).is_err() {
            std::fs::remove_dir_all(&begun).expect("removed");
        }
    }
    std::fs::write(whole.join("release_update.cjs"), SCRIPT).expect("written");
    whole
}

#[test]
fn the_existing_tool_describes_an_update_from_these_rows() {
    let api = Api::start();
    let (rows, token) = (&api.openbalena, api.openbalena.api_key(USER));
    rows.be_cloud();
    let fleet = rows.fleet("org/fleet");
    let location = |number: u64| format!("registry.example.com/v2/{number:032x}");
    let commits = ["a", "b"].map(|letter| letter.repeat(40));
    let old = rows
        .release(fleet, &commits[0])
        .image("ready", &location(1), Some("sha256:1"), 1000)
        .image("running", &location(2), Some("sha256:2"), 2000)
        .image("failed", &location(3), None, 3000)
        .image("removed", &location(4), None, 4000)
        .add();
    let new = rows
        .release(fleet, &commits[1])
        .draft()
        .image("ready", &location(5), Some("sha256:5"), 5000)
        .image("running", &location(6), None, 6000)
        .image("failed", &location(7), None, 7000)
        .image("added", &location(8), None, 0)
        .without_size()
        .add();
    let pair = |service: &str| (rows.image_id(old, service), rows.image_id(new, service));
    for (service, status) in [("ready", "success"), ("running", "running"), ("failed", "failed")] {
        let (src, dest) = pair(service);
        rows.delta(src, dest, status, 77);
    }

    let said = release_update(&api, &token, &commits[0], &commits[1]).expect("an answer");
    assert_eq!(said, release_update(&api, &token, &old.to_string(), &new.to_string()).expect("it"));
    assert_eq!(said["overall_status"], "pending");
    assert_eq!(said.get("estimated_total_payload_size"), None);
    let services = said["is_produced_by__service_update"].as_array().expect("services");
    let stands = |service: &Value| (service["service_name"].clone(), service["status"].clone());
    let standing: Vec<(Value, Value)> = services.iter().map(stands).collect();
    // By name.
    let expected =
        [("added", "ready"), ("failed", "pending"), ("ready", "ready"), ("running", "preparing")];
    assert_eq!(standing, expected.map(|(service, status)| (json!(service), json!(status))));
    let (src, dest) = pair("ready");
    let delta = format!("{}:delta-{}", location(5), "0".repeat(16));
    assert_eq!(
        services[2],
        json!({
            "service_name": "ready",
            "status": "ready",
            "originates_from__image": {
                "id": src, "is_stored_at__image_location": location(1),
                "content_hash": "sha256:1", "image_size": 1000,
            },
            "produces__image": {
                "id": dest, "is_stored_at__image_location": location(5),
                "content_hash": "sha256:5", "image_size": 5000,
                "is_produced_by__delta": {
                    "id": 1, "version": 3, "is_stored_at__location": delta, "size": 77,
                },
            },
        }),
    );
    assert_eq!(services[0]["produces__image"]["image_size"], 0);
    let error = release_update(&api, "x", &commits[0], &commits[1]).expect_err("a stranger");
    assert!(error.starts_with("ERROR: Release not found"), "{error}");
}
