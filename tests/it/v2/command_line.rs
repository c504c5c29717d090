//! v2 deltas from the command line, with the fixture's two releases.

use std::path::Path;
use std::process::{Command, Output};

use super::assert_applies;
use crate::tools::run;

/// Runs `remora` in `folder`, which gets a store, with arguments separated by blanks.
fn remora(folder: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_remora"))
        .args(arguments.split_whitespace())
        .env("REMORA_STORE", folder.join("store"))
        .current_dir(folder)
        .output()
        .expect("remora runs")
}

fn succeed(folder: &Path, arguments: &str) -> serde_json::Value {
    let output = remora(folder, &format!("{arguments} --json"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn layout() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/thermostat").display().to_string()
}

#[test]
fn a_file_is_made_inspected_and_applied_by_rsync() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = layout();
    let images = format!("oci:{layout}:1.0 oci:{layout}:1.1");
    for options in ["", "--list full", "--protect-shared", "--effort 1 --threads 1"] {
        let create = format!("create {images} --format v2 --output delta.v2 {options}");
        let created = succeed(folder.path(), &create);
        let inspected = succeed(folder.path(), "inspect delta.v2");
        assert_eq!(created["delta_bytes"], inspected["delta_bytes"]);
        assert_eq!(inspected["pruned"], options != "--list full");
        succeed(folder.path(), &format!("inspect delta.v2 --base oci:{layout}:1.0"));

        let unpack = |tag: &str| {
            let bundle = folder.path().join(tag);
            if !bundle.exists() {
                let image = format!("{layout}:{tag}");
                run("umoci", &["unpack", "--image", &image, bundle.to_str().expect("text")]);
            }
            bundle.join("rootfs")
        };
        let delta = std::fs::read(folder.path().join("delta.v2")).expect("there");
        // Attributes of what rsync does not protect would show in the base.
        let base = super::folder::copied(&unpack("1.0"));
        assert_applies(&delta, base.path(), &unpack("1.1"));
    }
}

#[test]
fn nothing_is_left_of_what_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = layout();
    let images = format!("oci:{layout}:1.0 oci:{layout}:1.1");
    let dry = remora(folder.path(), &format!("create {images} --format v2 -o x.v2 --dry-run"));
    assert_eq!(dry.status.code(), Some(0));
    let nowhere = remora(folder.path(), &format!("create {images} --format v2 -o no/x.v2"));
    assert_eq!(nowhere.status.code(), Some(3));
    let confused = remora(folder.path(), &format!("create {images} -o oci:x --list full"));
    assert_eq!(confused.status.code(), Some(2));
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("readable")
        .map(|entry| entry.expect("entry").file_name())
        .collect();
    assert_eq!(left, ["store"]);
}

#[test]
fn what_is_no_delta_for_this_base_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = layout();
    let create = format!("create oci:{layout}:1.0 oci:{layout}:1.1 --format v2 -o delta.v2");
    succeed(folder.path(), &create);
    let refused = |arguments: &str, reason: &str| {
        let output = remora(folder.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains(reason), "{said}");
    };
    refused(&format!("inspect delta.v2 --base oci:{layout}:1.1"), "made from another old file");
    let path = folder.path().join("delta.v2");
    let mut delta = std::fs::read(&path).expect("there");
    let middle = delta.len() / 2;
    delta[middle] ^= 1;
    std::fs::write(&path, &delta).expect("written");
    refused("inspect delta.v2", "the v2 delta is not valid");
    delta.truncate(middle);
    std::fs::write(&path, &delta).expect("written");
    refused("inspect delta.v2", "ends too early");
    std::fs::write(&path, b"something else\0").expect("written");
    refused("inspect delta.v2", "docker-archive:delta.v2");
}

#[test]
fn apply_refuses_a_v2_delta_with_the_command_that_applies_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = layout();
    let unpack = |tag: &str| {
        let bundle = folder.path().join(tag);
        let image = format!("{layout}:{tag}");
        run("umoci", &["unpack", "--image", &image, bundle.to_str().expect("text")]);
        bundle.join("rootfs")
    };
    let (base, target) = (unpack("1.0"), unpack("1.1"));
    for file in ["delta.v2", "./delta.v2", "it's$HOME.v2"] {
        let create = format!("create oci:{layout}:1.0 oci:{layout}:1.1 --format v2 -o {file}");
        succeed(folder.path(), &create);
        let output = remora(folder.path(), &format!("apply oci:{layout}:1.0 {file} -o oci:out:x"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{said}");
        let what = format!("{file} is a v2 delta: it makes files on a device");
        assert!(said.contains(&what), "{said}");
        assert!(!folder.path().join("out").exists());
        // As it is told, word for word, but for the folder's name.
        let copy = super::folder::copied(&base);
        let (_, command) = said.split_once("those of BASE: ").expect(&said);
        let (command, _) = command.split_once("; ").expect(&said);
        let command = command.replace("COPY/", &format!("{}/", copy.path().display()));
        let shell = Command::new("sh").args(["-ec", &command]).current_dir(folder.path()).output();
        let shell = shell.expect("sh runs");
        assert!(shell.status.success(), "{}", String::from_utf8_lossy(&shell.stderr));
        let differences = super::folder::differences(copy.path(), &target);
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

#[test]
fn apply_asks_what_kind_of_archive_a_file_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = layout();
    std::fs::write(folder.path().join("other"), b"something").expect("written");
    let output = remora(folder.path(), &format!("apply oci:{layout}:1.0 other -o oci:out:x"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("other is a file, and it is not said what kind of archive"), "{said}");
    assert!(!folder.path().join("out").exists());
}
