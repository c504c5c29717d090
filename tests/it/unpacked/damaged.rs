//! Deployments and what the store has of them after somebody, or the disk, changed something: found, never given on, mended.

use std::fs;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::deploy::{deploy, numbers, start, user};
use super::ordinary_user::{FIRST, OrdinaryUser};
use super::shared::{COMMON, PRIVATE, file, inode, names, told};
use crate::tools::run;

/// What is done to the file or folder of this name.
type Change<'a> = (&'a str, &'a dyn Fn(&Path));

/// Changes a byte of a file as a disk does: neither length nor time tell.
pub(super) fn rot(path: &Path) {
    let modified = fs::metadata(path).and_then(|it| it.modified()).expect("there");
    let mut bytes = fs::read(path).expect("there");
    bytes[3] ^= 1;
    fs::write(path, bytes).expect("written");
    set_modified(path, modified);
}

pub(super) fn set_modified(path: &Path, time: SystemTime) {
    let file = fs::File::options().write(true).open(path).expect("opened");
    file.set_modified(time).expect("set");
}

/// All names below a folder but those of folders, with what they are.
pub(super) fn tree(top: &Path) -> Vec<(PathBuf, u32, u32, u64, Vec<u8>)> {
    let mut found = Vec::new();
    let mut todo = vec![top.to_owned()];
    while let Some(folder) = todo.pop() {
        for path in names(&folder) {
            let about = fs::symlink_metadata(&path).expect("there");
            let content = match () {
                () if about.is_dir() => {
                    todo.push(path.clone());
                    Vec::new()
                }
                () if about.is_symlink() => {
                    fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
                }
                () => fs::read(&path).expect("a file"),
            };
            let name = path.strip_prefix(top).expect("below").to_owned();
            let time = if about.is_dir() { 0 } else { about.mtime_nsec() as u64 };
            found.push((name, about.mode(), about.uid(), time, content));
        }
    }
    found.sort();
    found
}

/// Makes a socket, however long its path is.
fn socket(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Socket, Mode::RUSR, 0).expect("root may");
}

pub(super) fn objects(user: &OrdinaryUser) -> Vec<PathBuf> {
    names(&user.path("store/objects")).iter().flat_map(|shelf| names(shelf)).collect()
}

/// What `store verify` answers, which must find something.
pub(super) fn damage(user: &OrdinaryUser, what: &str) -> Value {
    let (code, found, said) = told(user, &["store", "verify"]);
    assert_eq!(code, Some(4), "{what}: {said} {found}");
    assert!(said.contains("--repair"), "{said}");
    found
}

pub(super) fn assert_clean(user: &OrdinaryUser) {
    let (code, found, said) = told(user, &["store", "verify"]);
    assert_eq!((code, &found["deployed"]["damaged"]), (Some(0), &json!([])), "{said} {found}");
}

pub(super) fn repair(user: &OrdinaryUser) -> Value {
    let (code, repaired, said) = told(user, &["store", "verify", "--repair"]);
    assert_eq!(code, Some(0), "{said} {repaired}");
    repaired
}

#[test]
fn a_file_that_rotted_unseen_is_not_given_to_the_next_deployment() {
    let user = user();
    deploy(&user, 1, &[]);
    let sound = fs::read(file(&user, 1, COMMON)).expect("there");
    rot(&file(&user, 1, COMMON));
    // Nothing is shared anew from there either.
    assert_eq!(deploy(&user, 1, &[])["outcome"], "unchanged");
    let second = deploy(&user, 2, &[]);
    assert_eq!(second["outcome"], "deployed", "{second}");
    assert!(fs::read(file(&user, 2, COMMON)).expect("there") == sound);
    assert_eq!(start(&user).0, "release 2");
    let found = damage(&user, "");
    assert_eq!(found["deployed"]["damaged"][0]["paths"], json!([format!("/{COMMON}")]), "{found}");
    // It is found for as long as it is there.
    damage(&user, "");
    repair(&user);
    assert_clean(&user);
    assert_eq!(inode(&file(&user, 1, COMMON)), inode(&file(&user, 2, COMMON)), "shared again");
}

#[test]
fn what_somebody_changed_in_a_deployment_is_found_and_mended_and_not_given_on() {
    let user = user();
    deploy(&user, 1, &[]);
    let before = tree(&file(&user, 1, ""));
    let mode = |mode| fs::Permissions::from_mode(mode);
    let other = FIRST + 4;
    let changes: [Change<'_>; 8] = [
        ("bin/busybox", &|path| fs::set_permissions(path, mode(0o4777)).expect("set")),
        ("data/private", &|path| chown(path, Some(other), None).expect("root may")),
        ("bin/sh", &|path| {
            fs::remove_file(path).expect("removed");
            symlink("/bin/busybox", path).expect("made");
        }),
        ("release", &|path| fs::remove_file(path).expect("removed")),
        ("data/holes", &|path| {
            let file = fs::File::options().write(true).open(path).expect("opened");
            let time = file.metadata().and_then(|it| it.modified()).expect("there");
            file.write_all_at(b"c", 99_998).expect("written");
            file.set_modified(time).expect("set");
        }),
        ("data", &|path| fs::set_permissions(path, mode(0o777)).expect("set")),
        ("data/shut", &|path| {
            run("setfattr", &["-n", "user.note", "-v", "x", path.to_str().expect("text")]);
        }),
        ("proc", &|path| {
            fs::remove_dir(path).expect("removed");
            fs::write(path, "a file").expect("written");
        }),
    ];
    for (name, change) in changes {
        change(&file(&user, 1, name));
        let found = damage(&user, name);
        let damaged = &found["deployed"]["damaged"][0];
        assert_eq!(damaged["paths"], json!([format!("/{name}")]), "{found}");
        let second = deploy(&user, 2, &["--again"]);
        assert_eq!(second["outcome"], "deployed", "{name}");
        deploy(&user, 1, &["--again"]);
        let fresh = numbers(&user).pop().expect("deployed");
        assert_eq!(tree(&file(&user, fresh, "")), before, "{name}");
        repair(&user);
        assert_clean(&user);
        // The deployment that was changed may have gone meanwhile: the next round changes a whole one.
        fs::remove_dir_all(user.path(".local/share/remora/deployments/app")).expect("removed");
        deploy(&user, 1, &[]);
        assert_eq!(tree(&file(&user, 1, "")), before, "{name}");
    }
}

#[test]
fn damage_is_mended_where_it_is() {
    let user = user();
    deploy(&user, 1, &[]);
    deploy(&user, 2, &[]);
    let before = tree(&file(&user, 1, ""));
    fs::set_permissions(file(&user, 1, COMMON), fs::Permissions::from_mode(0o4777)).expect("set");
    fs::remove_dir_all(file(&user, 1, "data")).expect("removed");
    rot(&file(&user, 1, "release"));
    let repaired = repair(&user);
    let damaged = repaired["deployed"]["damaged"].as_array().expect("a list");
    assert_eq!(damaged.len(), 2, "the other one has the file's mode too: {repaired}");
    assert_eq!(tree(&file(&user, 1, "")), before);
    for name in [COMMON, PRIVATE] {
        assert_eq!(inode(&file(&user, 1, name)), inode(&file(&user, 2, name)), "{name}");
    }
    assert_clean(&user);
}

#[test]
fn names_that_the_image_does_not_have_are_told_and_left_alone() {
    let user = user();
    deploy(&user, 1, &[]);
    // What a runtime makes to mount something there is none of these.
    fs::create_dir_all(file(&user, 1, "mnt/a/b")).expect("made");
    assert_clean(&user);
    fs::write(file(&user, 1, "data/more"), "mine").expect("written");
    let found = damage(&user, "");
    assert_eq!(found["deployed"]["damaged"][0]["foreign"], 1, "{found}");
    let (code, _, said) = told(&user, &["store", "verify", "--repair"]);
    assert_eq!(code, Some(4), "{said}");
    assert_eq!(fs::read(file(&user, 1, "data/more")).expect("there"), b"mine");
}

#[test]
fn an_object_that_is_lost_or_damaged_is_had_again_by_whatever_needs_it() {
    let user = user();
    let first = deploy(&user, 1, &[]);
    let id = first["current"]["id"].as_str().expect("an ID").to_owned();
    // A deployment that has gone keeps none of its files alive.
    fs::remove_dir_all(user.path(".local/share/remora/deployments/app")).expect("removed");
    let commands: [&[&str]; 4] = [
        &["unpack", "oci:layout:1", "by-name"],
        &["unpack", &id, "by-id"],
        &["bundle", &id, "bundle"],
        &["deploy", "app", "oci:layout:1"],
    ];
    for command in commands {
        for harm in ["lost", "rotted", "a link", "a folder", "a socket"] {
            let all = objects(&user);
            assert!(!all.is_empty(), "{command:?}");
            for path in all {
                if harm == "rotted" {
                    rot(&path);
                    continue;
                }
                fs::remove_file(&path).expect("removed");
                match harm {
                    "a link" => symlink("/etc/hostname", &path).expect("made"),
                    "a folder" => fs::create_dir(&path).expect("made"),
                    "a socket" => {
                        socket(&path);
                        user.give(&path);
                    }
                    _ => {}
                }
            }
            let (code, answer, said) = told(&user, command);
            assert_eq!(code, Some(0), "{command:?}: {said}");
            assert!(answer.is_object());
            if let ["unpack" | "bundle", _, folder] = command {
                fs::remove_dir_all(user.path(folder)).expect("made");
            }
            fs::remove_dir_all(user.path(".local/share/remora/deployments")).ok();
            deploy(&user, 1, &[]);
            fs::remove_dir_all(user.path(".local/share/remora/deployments")).expect("removed");
        }
    }
}

#[test]
fn pull_fetches_a_layer_again_whose_files_are_lost() {
    let user = user();
    deploy(&user, 1, &[]);
    assert_eq!(user.remora(&["pull", "oci:layout:1"])["way"], "at_hand");
    fs::remove_dir_all(user.path("store/objects")).expect("removed");
    assert_eq!(user.remora(&["pull", "oci:layout:1"])["way"], "layers");
    assert_eq!(user.remora(&["store", "verify"])["damaged"], json!([]));
}

#[test]
fn records_of_the_store_that_nobody_can_read_are_told_and_written_again() {
    let user = user();
    deploy(&user, 1, &[]);
    deploy(&user, 2, &[]);
    user.remora(&["pull", "oci:layout:3"]);
    user.remora(&["rmi", "oci:layout:3"]);
    let before = names(&user.path("store/names"));
    user.remora(&["pull", "oci:layout:3"]);
    let third = names(&user.path("store/names")).into_iter().find(|path| !before.contains(path));
    fs::write(third.expect("a name"), "{").expect("written");
    let records = names(&user.path("store/deployments"));
    let other = fs::read(&records[0]).expect("there");
    fs::write(&records[1], other).expect("the record of another deployment");
    fs::remove_file(&records[0]).expect("removed");
    symlink("/etc/hostname", &records[0]).expect("made");
    let found = damage(&user, "");
    assert_eq!(found["damaged_records"].as_array().map(Vec::len), Some(3), "{found}");
    let repaired = repair(&user);
    assert_eq!(repaired["repair"]["removed_records"].as_array().map(Vec::len), Some(3));
    assert_eq!(repaired["deployed"]["deployments"], 2, "{repaired}");
    assert_eq!(names(&user.path("store/deployments")).len(), 2);
    assert_eq!(names(&user.path("store/names")).len(), 2);
    assert_clean(&user);
}

#[test]
fn a_damaged_record_of_a_deployment_keeps_nobody_from_going_back() {
    let user = user();
    deploy(&user, 1, &[]);
    deploy(&user, 2, &[]);
    let record = user.path(".local/share/remora/deployments/app/2/deployment.json");
    fs::write(record, "{").expect("written");
    let back = user.remora(&["rollback", "app"]);
    assert_eq!((&back["from"], &back["from_number"]), (&Value::Null, &json!(2)), "{back}");
    assert_eq!(start(&user).0, "release 1");
    assert_eq!(damage(&user, "")["deployed"]["damaged"][0]["record"], true);
    repair(&user);
    assert_clean(&user);
}

#[test]
fn a_folder_that_belongs_to_somebody_else_is_mended_where_owners_are_recorded_too() {
    let user = user();
    deploy(&user, 1, &["--owners", "record"]);
    chown(file(&user, 1, "data"), Some(FIRST + 4), None).expect("root may");
    damage(&user, "");
    repair(&user);
    assert_clean(&user);
}

#[test]
fn a_lost_record_of_the_current_deployment_is_written_again() {
    let user = user();
    deploy(&user, 1, &[]);
    let record = user.path(".local/share/remora/deployments/app/1/deployment.json");
    let before: Value = serde_json::from_slice(&fs::read(&record).expect("there")).expect("JSON");
    fs::remove_file(&record).expect("removed");
    assert_eq!(damage(&user, "")["deployed"]["damaged"][0]["record"], true);
    repair(&user);
    let after: Value = serde_json::from_slice(&fs::read(&record).expect("there")).expect("JSON");
    for key in ["number", "id", "digest", "shared", "recorded_owners"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    assert_eq!(deploy(&user, 1, &[])["outcome"], "unchanged");
}

#[test]
fn a_configuration_that_was_changed_is_told_and_made_anew_by_deploying_again() {
    let user = user();
    deploy(&user, 1, &[]);
    let config = user.path(".local/share/remora/deployments/app/1/bundle/config.json");
    fs::write(&config, "{}").expect("written");
    assert_eq!(damage(&user, "")["deployed"]["damaged"][0]["config"], true);
    assert_eq!(deploy(&user, 1, &["--again"])["outcome"], "deployed");
    assert_eq!(start(&user).0, "release 1");
}

#[test]
fn a_store_that_may_only_be_read_is_verified() {
    let user = user();
    deploy(&user, 1, &[]);
    let remora = user.path("remora");
    let store = user.path("store");
    let (remora, store) = (remora.to_str().expect("text"), store.to_str().expect("text"));
    let script = format!(
        "mount --bind {store} {store} && mount -o remount,bind,ro {store} && exec {remora} store verify"
    );
    let said =
        user.output(&["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &script]);
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.code().is_some_and(|code| [0, 3].contains(&code)), "{text}");
    assert!(String::from_utf8_lossy(&said.stdout).contains("checked: 2 layers"), "{text}");
}

#[test]
fn a_store_whose_format_was_cut_off_is_read_all_the_same() {
    let user = user();
    deploy(&user, 1, &[]);
    fs::write(user.path("store/format"), "").expect("written");
    assert_eq!(deploy(&user, 2, &[])["outcome"], "deployed");
    assert_eq!(fs::read_to_string(user.path("store/format")).expect("there").trim(), "3");
}

#[test]
fn options_that_differ_deploy_the_current_image_anew() {
    let user = user();
    deploy(&user, 1, &[]);
    let ways: [&[&str]; 5] =
        [&["--writable"], &["--copy"], &["--copy", "--writable"], &["--owners", "record"], &[]];
    for way in ways {
        assert_eq!(deploy(&user, 1, way)["outcome"], "deployed", "{way:?}");
        assert_eq!(deploy(&user, 1, way)["outcome"], "unchanged", "{way:?}");
    }
    assert_eq!(start(&user).0, "release 1");
}

/// Root works in a store of its own, and not in one that another user could fill.
#[test]
fn root_takes_no_files_out_of_a_store_that_others_can_fill() {
    let user = user();
    deploy(&user, 1, &[]);
    let remora = user.path("remora");
    let remora = remora.to_str().expect("text");
    let own = tempfile::tempdir().expect("a folder");
    let layout = format!("oci:{}:2", user.path("layout").display());
    let path = |name: &str| own.path().join(name).to_str().expect("text").to_owned();
    let theirs = user.path("store");
    let commands: [Vec<String>; 3] = [
        vec!["deploy".into(), "app".into(), layout.clone(), "--deployments".into(), path("site")],
        vec!["unpack".into(), layout.clone(), path("tree")],
        vec!["bundle".into(), layout, path("bundle")],
    ];
    for command in &commands {
        let run = |store: &Path| {
            let mut process = std::process::Command::new(remora);
            process.args(command).env("REMORA_STORE", store);
            process.output().expect("started")
        };
        let refused = run(&theirs);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(3), "{command:?}: {said}");
        assert!(said.contains("belongs to user") && said.contains("--store"), "{said}");
        // Nothing is left where nothing may be, below the folder of somebody else.
        let below = user.path("theirs");
        let refused = run(&below.join("store"));
        assert_eq!(refused.status.code(), Some(3), "{command:?}");
        assert!(!below.exists(), "{command:?}");
        let done = run(&own.path().join("store"));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    assert!(
        !own.path().join("site/app/current").exists() || own.path().join("site/app/1").exists()
    );
}

#[test]
fn files_behind_a_link_in_a_deployments_place_are_left_alone() {
    let user = user();
    deploy(&user, 1, &[]);
    let rootfs = file(&user, 1, "");
    let bundle = rootfs.parent().expect("the bundle");
    let home = user.path("home");
    fs::create_dir_all(home.join("bin")).expect("made");
    fs::write(home.join("release"), "precious").expect("written");
    user.give(&home);
    fs::rename(bundle.join("rootfs"), user.path("moved")).expect("moved");
    symlink(&home, bundle.join("rootfs")).expect("made");
    damage(&user, "");
    let (code, _, said) = told(&user, &["store", "verify", "--repair"]);
    assert_eq!(code, Some(4), "{said}");
    assert_eq!(fs::read(home.join("release")).expect("there"), b"precious");
    assert_eq!(names(&home.join("bin")), [""; 0].map(PathBuf::from));
    fs::remove_file(bundle.join("rootfs")).expect("removed");
    // Files that are gone are damage too, and nothing calls such a deployment current.
    damage(&user, "");
    assert_eq!(deploy(&user, 1, &[])["outcome"], "deployed");
    assert_eq!(start(&user).0, "release 1");
}
