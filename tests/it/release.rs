//! The scripts that make a release.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::tools::{output, run, skopeo};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");

/// Packs an image of programs that are there in name only, one for each platform, and returns its path.
fn image(folder: &Path, name: &str, platforms: &[&str]) -> String {
    let program = folder.join("program");
    fs::write(&program, "a static program").expect("written");
    let authorities = folder.join("authorities");
    fs::write(&authorities, "certificates").expect("written");
    let archive = folder.join(name).display().to_string();
    let mut arguments = vec![
        format!("{SCRIPTS}/image"),
        "--version=1.2.3".to_owned(),
        format!("--authorities={}", authorities.display()),
        format!("--output={archive}"),
    ];
    arguments.extend(platforms.iter().map(|platform| format!("{platform}={}", program.display())));
    run("python3", &arguments);
    archive
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn an_image_of_a_release_runs_as_nobody_and_other_tools_read_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = image(folder.path(), "image.tar", &["linux/arm/v7"]);
    for transport in ["oci-archive", "docker-archive"] {
        let platform = ["--override-arch=arm", "--override-variant=v7", "inspect", "--config"];
        let config = json(&skopeo(&[&platform[..], &[&format!("{transport}:{archive}")]].concat()));
        assert_eq!(config["config"]["User"], "65532:65532", "{transport}");
        assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/remora"]), "{transport}");
        assert_eq!(config["config"]["Cmd"], serde_json::json!(["serve"]), "{transport}");
        assert!(config["config"]["Volumes"]["/delta-rsync"].is_object(), "{transport}");
        assert_eq!(config["architecture"], "arm", "{transport}");
    }

    run("tar", &["-C", &folder.path().display().to_string(), "-xf", &archive]);
    let manifest = json(&fs::read_to_string(folder.path().join("manifest.json")).expect("read"));
    let layer = folder.path().join(manifest[0]["Layers"][0].as_str().expect("a layer"));
    let list = run("tar", &["--numeric-owner", "-tvzf", &layer.display().to_string()]);
    let owner_of = |name: &str| {
        let line = list.lines().find(|line| line.ends_with(&format!(" {name}"))).expect(name);
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(owner_of("delta-rsync/"), "drwxr-xr-x 65532/65532");
    assert_eq!(owner_of("remora"), "-rwxr-xr-x 0/0");
}

#[test]
fn an_image_for_several_processors_has_one_for_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = image(folder.path(), "image.tar", &["linux/amd64", "linux/arm64"]);
    for architecture in ["amd64", "arm64"] {
        let name = format!("oci-archive:{archive}");
        let wanted = format!("--override-arch={architecture}");
        let config = json(&skopeo(&[&wanted, "inspect", "--config", &name]));
        assert_eq!(config["architecture"], architecture);
    }
}

#[test]
fn the_same_program_makes_the_same_image() {
    let folder = tempfile::tempdir().expect("a folder");
    let [first, second] = ["first.tar", "second.tar"].map(|name| {
        fs::read(image(folder.path(), name, &["linux/amd64", "linux/arm64"])).expect("read")
    });
    assert!(first == second, "two runs differ");
}

#[test]
fn a_release_says_how_to_get_a_target_that_is_not_installed() {
    // Nobody builds for a processor like this without its floating point.
    let (target, advice) =
        ("armv7-unknown-linux-musleabi", "rustup target add armv7-unknown-linux-musleabi");
    let script = format!("{SCRIPTS}/release");
    let output = output("bash", &[script.as_str(), target]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains(advice), "{errors}");
}

#[test]
fn documents_name_the_version_that_is_released() {
    let version = env!("CARGO_PKG_VERSION");
    let files = ["README.md", "docs/migration.md", "deploy/systemd/remora.service"];
    for file in files.into_iter().chain(["deploy/compose/docker-compose.remora.yml"]) {
        let text = fs::read_to_string(format!("{SCRIPTS}/../{file}")).expect(file);
        let named: Vec<_> = ["remora-", "remora:"]
            .iter()
            .flat_map(|before| text.split(before).skip(1))
            .filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
            .map(|rest| rest.split(char::is_whitespace).next().unwrap_or(rest))
            .collect();
        assert!(!named.is_empty(), "{file} names no version");
        assert!(named.iter().all(|rest| rest.starts_with(version)), "{file} names {named:?}");
    }
}
