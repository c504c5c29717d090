//! What cannot be checked, mended or removed: told once, by its whole path, with what helps.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::json;

use super::deploy::{deploy, user};
use super::disk::Disk;
use super::ordinary_user::OrdinaryUser;
use super::shared::{names, told};
use crate::tools::run;

/// What a person sees: all lines, those of the answer first.
fn shown(user: &OrdinaryUser, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let remora = user.path("remora");
    let Output { status, stdout, stderr } =
        user.output(&[&[remora.to_str().expect("text")], arguments].concat());
    let text = [stdout, stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (status.code(), text.lines().map(str::to_owned).collect())
}

/// Fails unless exactly one line tells of `what`, and the hint is `hint`.
fn assert_told_once(lines: &[String], what: &str, hint: &str) {
    let telling = lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!(telling, 1, "{what}: {lines:#?}");
    let hints: Vec<_> = lines.iter().filter(|line| line.starts_with("hint: ")).collect();
    assert!(hints.len() == 1 && hints[0].contains(hint), "{hint}: {lines:#?}");
}

fn an_object(user: &OrdinaryUser) -> PathBuf {
    let shelf = names(&user.path("store/objects")).into_iter().next().expect("a shelf");
    names(&shelf).into_iter().next().expect("an object")
}

/// Has `path` belong to root, and be shut to everybody else.
fn shut(path: &Path) {
    let path = path.to_str().expect("text");
    run("chown", &["0:0", path]);
    run("chmod", &["700", path]);
}

#[test]
fn a_folder_in_an_objects_place_is_named_and_to_be_moved_away() {
    let user = user();
    deploy(&user, 1, &[]);
    let object = an_object(&user);
    fs::remove_file(&object).expect("removed");
    fs::create_dir_all(object.join("x")).expect("made");
    user.give(&object);
    let repair = ["store", "verify", "--repair"];
    let (code, lines) = shown(&user, &repair);
    assert_eq!(code, Some(3), "{lines:#?}");
    assert_told_once(&lines, object.to_str().expect("text"), "move it away and try again");
    let error = lines.iter().find(|line| line.starts_with("error: ")).expect("an error");
    assert!(!error.contains("objects/"), "{lines:#?}");
    // A program gets all of it in one answer.
    let (_, answer, _) = told(&user, &repair);
    let error = &answer["error"];
    assert!(error["message"].as_str().is_some_and(|it| it.contains("objects/")), "{answer}");
    assert_eq!(
        (&error["code"], &answer["troubles"][0]["code"]),
        (&json!("obstacle"), &json!("obstacle"))
    );
}

#[test]
fn files_of_another_user_are_for_that_user() {
    let user = user();
    deploy(&user, 1, &[]);
    let recipe = names(&user.path("store/recipes")).into_iter().next().expect("a recipe");
    let record = names(&user.path("store/deployments")).into_iter().next().expect("a record");
    for path in [&recipe, &record] {
        shut(path);
    }
    for command in [["store", "verify"], ["store", "gc"]] {
        let command = &command;
        let (code, lines) = shown(&user, command);
        assert_eq!(code, Some(3), "{lines:#?}");
        for path in [&recipe, &record] {
            assert_told_once(&lines, path.to_str().expect("text"), "work as the user");
        }
    }
    let (_, lines) = shown(&user, &["store", "verify", "--repair"]);
    let different: HashSet<_> = lines.iter().collect();
    assert_eq!(different.len(), lines.len(), "{lines:#?}");
    // Nobody sees the lines of a summary that was not asked for: the error has one.
    let (_, lines) = shown(&user, &["store", "gc", "--quiet"]);
    let error = lines.iter().find(|line| line.starts_with("error: ")).expect("an error");
    assert!(error.contains("Permission denied") && error.ends_with("(and 1 more)"), "{error}");
}

#[test]
fn an_image_that_is_away_is_told_once_with_what_brings_it_back() {
    let user = user();
    deploy(&user, 1, &[]);
    for recipe in names(&user.path("store/recipes")) {
        fs::remove_file(recipe).expect("removed");
    }
    fs::rename(user.path("layout"), user.path("away")).expect("moved");
    let (code, lines) = shown(&user, &["store", "verify", "--repair"]);
    assert_eq!(code, Some(3), "{lines:#?}");
    let away: Vec<_> = lines.iter().filter(|line| line.contains("was not found")).collect();
    assert!(away.len() == 1 && away[0].starts_with("not repaired: oci:"), "{lines:#?}");
    let hint = lines.last().expect("a hint");
    assert!(hint.contains("bring the image back to that place, or pull it"), "{lines:#?}");
    // What the hint says helps.
    user.remora(&["pull", "oci:away:1"]);
    let (code, _, said) = told(&user, &["store", "verify"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_full_disk_is_to_be_made_room_on() {
    let user = user();
    let disk = Disk::mount(&user, "disk", "16m");
    let places = ["--store", "disk/store", "--deployments", "disk/all"];
    user.remora(&[&["deploy", "app", "oci:layout:1"], &places[..]].concat());
    let rootfs = user.path("disk/all/app/1/bundle/rootfs");
    fs::remove_file(rootfs.join("bin/busybox")).expect("removed");
    for shelf in names(&user.path("disk/store/objects")) {
        names(&shelf).into_iter().for_each(|object| fs::remove_file(object).expect("removed"));
    }
    // Written until nothing more fits.
    let filled = fs::write(user.path("disk/full"), vec![0; 16 << 20]);
    assert_eq!(filled.map_err(|error| error.kind()), Err(std::io::ErrorKind::StorageFull));
    let (code, lines) = shown(&user, &[&["store", "verify", "--repair"], &places[..]].concat());
    assert_eq!(code, Some(3), "{lines:#?}");
    let hint = lines.last().expect("a hint");
    assert!(hint.contains("free some space on that disk"), "{lines:#?}");
    let (code, answer, said) =
        told(&user, &[&["deploy", "app", "oci:layout:2"], &places[..]].concat());
    assert_eq!((code, &answer["error"]["code"]), (Some(3), &json!("disk_full")), "{said}");
    let full = user.path("disk/store");
    assert!(said.contains(full.to_str().expect("text")), "by its full path: {said}");
    drop(disk);
}
