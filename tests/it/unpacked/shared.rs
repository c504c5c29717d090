//! Files that deployments have in common: stored once, read-only, mended, collected.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::deploy::{deploy, numbers, start, user};
use super::ordinary_user::OrdinaryUser;
use crate::tools::run;

/// The file that all releases have.
pub(super) const COMMON: &str = "bin/busybox";
/// A file that only a user of the container may read.
pub(super) const PRIVATE: &str = "data/private";

pub(super) fn file(user: &OrdinaryUser, number: u64, name: &str) -> PathBuf {
    user.path(".local/share/remora/deployments/app")
        .join(number.to_string())
        .join("bundle/rootfs")
        .join(name)
}

pub(super) fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).expect("there").ino()
}

pub(super) fn names(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.expect("entry").path()).collect()
}

fn layers(user: &OrdinaryUser) -> usize {
    names(&user.path("store/layers")).len()
}

fn objects(user: &OrdinaryUser) -> usize {
    names(&user.path("store/objects")).iter().map(|shelf| names(shelf).len()).sum()
}

/// Bytes of disk that folders take together, each inode once.
fn blocks(paths: &[&Path]) -> u64 {
    let paths: Vec<&str> = paths.iter().map(|path| path.to_str().expect("text")).collect();
    let told = run("du", &[&["-sc", "--block-size=1"], &paths[..]].concat());
    let total = told.lines().last().and_then(|line| line.split_whitespace().next());
    total.and_then(|bytes| bytes.parse().ok()).expect("a number")
}

/// Runs `remora` and returns its exit code, its answer and what it told.
pub(super) fn told(user: &OrdinaryUser, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let remora = user.path("remora");
    let whole = [&[remora.to_str().expect("text")], arguments, &["--json"]].concat();
    let output = user.output(&whole);
    let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), answer, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_two_deployments_have_in_common_is_stored_once_and_no_layer_beside_it() {
    let user = user();
    let first = deploy(&user, 1, &[]);
    assert_eq!(first["files"]["shared_files"], 0, "{first}");
    assert_eq!(layers(&user), 0, "recipes are kept in place of tars");
    let second = deploy(&user, 2, &[]);
    assert_eq!(second["files"]["shared_files"], 3, "{second}");
    for name in [COMMON, PRIVATE] {
        assert_eq!(inode(&file(&user, 1, name)), inode(&file(&user, 2, name)), "{name}");
    }
    assert_eq!((layers(&user), numbers(&user)), (0, vec![1, 2]));
    assert_eq!(start(&user), ("release 2".to_owned(), Some(7)));
    // Both, and all that the next delta starts from, take little more than one.
    let both = blocks(&[&user.path("store"), &user.path(".local")]);
    let one = blocks(&[&file(&user, 1, "")]);
    assert!(both < one * 13 / 10 + (600 << 10), "{both} of {one}");
    let verified = user.remora(&["store", "verify"]);
    assert_eq!((&verified["layers"], &verified["damaged"]), (&json!(3), &json!([])), "{verified}");
}

#[test]
fn a_delta_applies_to_layers_that_are_recipes_and_makes_what_the_registry_has() {
    let user = user();
    deploy(&user, 1, &[]);
    user.remora(&["create", "oci:layout:1", "oci:layout:2", "--output", "oci:deltas:1-2"]);
    let deployed = user.remora(&["deploy", "app", "oci:deltas:1-2"]);
    assert_eq!(deployed["outcome"], "deployed", "{deployed}");
    assert_eq!((start(&user).0.as_str(), layers(&user)), ("release 2", 0));
    // The image is written out of recipes as it was made.
    user.remora(&["pull", "oci:layout:2", "--to", "oci-archive:two.tar"]);
    let unpacked = user.remora(&["unpack", "oci-archive:two.tar", "tree"]);
    assert_eq!(unpacked["image_id"], deployed["current"]["id"]);
    assert_eq!(fs::read(user.path("tree/release")).expect("there"), b"release 2");
}

#[test]
fn containers_change_no_shared_file_and_a_writable_one_keeps_its_changes_apart() {
    let user = user();
    let write = "echo more >> /data/private; echo mine > /data/own; cat /data/own";
    deploy(&user, 1, &["--check", &format!("({write}) 2>&1 | grep -q Read-only")]);
    let before = fs::read(file(&user, 1, PRIVATE)).expect("there");
    let second = deploy(&user, 2, &["--writable"]);
    let config = file(&user, 2, "").parent().expect("the bundle").join("config.json");
    let mut changed: Value =
        serde_json::from_slice(&fs::read(&config).expect("there")).expect("JSON");
    assert_eq!(changed["root"]["readonly"], false, "{second}");
    changed["process"]["args"] = json!(["/bin/busybox", "sh", "-c", write]);
    fs::write(&config, changed.to_string()).expect("written");
    assert_eq!(start(&user), ("mine\n".to_owned(), Some(0)));
    assert_eq!(start(&user), ("mine\n".to_owned(), Some(0)));
    for number in [1, 2] {
        assert_eq!(fs::read(file(&user, number, PRIVATE)).expect("there"), before);
        assert!(!file(&user, number, "data/own").exists());
    }
    let kept = config.parent().expect("the bundle").join("layer/upper/data/own");
    assert_eq!(fs::read(kept).expect("kept"), b"mine\n");
    assert_eq!(inode(&file(&user, 1, COMMON)), inode(&file(&user, 2, COMMON)));
}

#[test]
fn a_deployment_with_files_of_its_own_shares_none() {
    let user = user();
    deploy(&user, 1, &[]);
    deploy(&user, 2, &["--copy", "--writable"]);
    assert_ne!(inode(&file(&user, 1, COMMON)), inode(&file(&user, 2, COMMON)));
    assert_eq!(fs::symlink_metadata(file(&user, 2, COMMON)).expect("there").nlink(), 1);
    assert_eq!(start(&user).0, "release 2");
    // What a container may have changed is never given to others.
    assert_eq!(deploy(&user, 2, &["--keep", "3"])["outcome"], "deployed");
    assert_eq!(fs::symlink_metadata(file(&user, 2, COMMON)).expect("there").nlink(), 1);
    assert_eq!(inode(&file(&user, 1, COMMON)), inode(&file(&user, 3, COMMON)));
}

#[test]
fn a_damaged_file_is_found_told_and_mended_wherever_it_is_shared() {
    let user = user();
    deploy(&user, 1, &[]);
    deploy(&user, 2, &[]);
    let sound = fs::read(file(&user, 1, COMMON)).expect("there");
    let before = fs::symlink_metadata(file(&user, 1, COMMON)).expect("there");
    let mut damaged = sound.clone();
    damaged[1000] ^= 1;
    fs::write(file(&user, 1, COMMON), &damaged).expect("written through both names");
    let (code, found, said) = told(&user, &["store", "verify"]);
    assert_eq!(
        (code, found["damaged_objects"].as_array().map(Vec::len)),
        (Some(4), Some(1)),
        "{said}"
    );
    assert!(said.contains("--repair"), "{said}");

    let (code, repaired, said) = told(&user, &["store", "verify", "--repair"]);
    assert_eq!(code, Some(0), "{said} {repaired}");
    let mended = repaired["deployed"]["damaged"].as_array().expect("a list");
    assert_eq!(mended.len(), 2, "{repaired}");
    assert!(mended.iter().all(|it| it["mended"] == 1), "{repaired}");
    for number in [1, 2] {
        let path = file(&user, number, COMMON);
        assert!(fs::read(&path).expect("there") == sound);
        let after = fs::symlink_metadata(&path).expect("there");
        let looks = |it: &fs::Metadata| (it.uid(), it.gid(), it.permissions().mode(), it.mtime());
        assert_eq!(looks(&after), looks(&before));
    }
    let (code, verified, _) = told(&user, &["store", "verify", "--repair"]);
    assert_eq!((code, &verified["deployed"]["damaged"]), (Some(0), &json!([])));
    assert_eq!((start(&user).0.as_str(), layers(&user)), ("release 2", 0));
}

#[test]
fn collection_keeps_what_deployments_need_and_takes_the_rest() {
    let user = user();
    deploy(&user, 1, &[]);
    deploy(&user, 2, &[]);
    let there = objects(&user);
    for name in ["oci:layout:1", "oci:layout:2"] {
        user.remora(&["rmi", name]);
    }
    let all = ["store", "gc", "--older-than", "0s"];
    let kept = user.remora(&all);
    assert_eq!(
        (&kept["removed_layers"], &kept["removed_objects"]),
        (&json!(0), &json!(0)),
        "{kept}"
    );
    assert_eq!(objects(&user), there);

    fs::remove_dir_all(user.path(".local/share/remora/deployments/app")).expect("removed");
    let dry = user.remora(&[&all[..], &["--dry-run"]].concat());
    assert!(dry["removed_layers"].as_u64() > Some(0), "{dry}");
    assert_eq!(objects(&user), there);
    let taken = user.remora(&all);
    assert_eq!(taken["kept_layers"], 0, "{taken}");
    assert_eq!((objects(&user), names(&user.path("store/recipes")).len()), (0, 0));
    assert_eq!(names(&user.path("store/deployments")), [""; 0].map(PathBuf::from));
}

#[test]
fn files_whose_owners_are_recorded_are_others_than_those_whose_owners_are_set() {
    let user = user();
    deploy(&user, 1, &[]);
    let recorded = ["--owners", "record"];
    let second = deploy(&user, 1, &recorded);
    assert_eq!(
        (&second["outcome"], &second["files"]["shared_files"]),
        (&json!("deployed"), &json!(0)),
        "{second}"
    );
    assert_ne!(inode(&file(&user, 1, COMMON)), inode(&file(&user, 2, COMMON)));
    deploy(&user, 2, &recorded);
    assert_eq!(inode(&file(&user, 2, COMMON)), inode(&file(&user, 3, COMMON)));
    let (code, found, said) = told(&user, &["store", "verify"]);
    assert_eq!((code, &found["damaged"]), (Some(0), &json!([])), "{said} {found}");
}
