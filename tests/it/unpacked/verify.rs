//! What `store verify` tells of, and what it mends.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::time::SystemTime;

use serde_json::json;

use super::damaged::{assert_clean, damage, objects, repair, rot, set_modified, tree};
use super::deploy::{deploy, start, user};
use super::shared::{COMMON, file, names, told};
use crate::tools::run;

#[test]
fn a_missing_layer_is_told_as_damage_for_as_long_as_it_is_missing() {
    let user = user();
    deploy(&user, 1, &[]);
    for path in names(&user.path("store/recipes")) {
        fs::remove_file(path).expect("removed");
    }
    for _ in 0..2 {
        let found = damage(&user, "");
        assert_eq!(found["damaged"], json!([]), "{found}");
        assert_eq!(found["missing"].as_array().map(Vec::is_empty), Some(false), "{found}");
        assert_eq!(found["deployed"]["not_compared"].as_array().map(Vec::len), Some(1), "{found}");
    }
    repair(&user);
    assert_clean(&user);
    // A recipe whose files are lost is dropped by the first look, and missing for the second.
    fs::remove_dir_all(user.path("store/objects")).expect("removed");
    assert!(damage(&user, "")["damaged"].as_array().is_some_and(|all| !all.is_empty()));
    assert!(damage(&user, "")["missing"].as_array().is_some_and(|all| !all.is_empty()));
    repair(&user);
    assert_clean(&user);
}

#[test]
fn a_folder_of_the_store_that_is_a_link_is_refused_and_nothing_is_deleted_behind_it() {
    let user = user();
    deploy(&user, 1, &[]);
    let all =
        ["layers", "recipes", "objects", "names", "partial", "incoming", "scratch", "deployments"];
    for name in all {
        let (folder, aside) = (user.path("store").join(name), user.path("aside"));
        let behind = user.path("behind");
        fs::create_dir_all(behind.join("abcdef")).expect("made");
        let victims = [behind.join("0".repeat(64)), behind.join("abcdef/victim")];
        victims.iter().for_each(|path| fs::write(path, "mine").expect("written"));
        user.give(&behind);
        let is_there = fs::rename(&folder, &aside).is_ok();
        symlink(&behind, &folder).expect("made");
        for command in [
            &["store", "gc", "--older-than", "0s"][..],
            &["store", "verify", "--repair"],
            &["rmi", "oci:layout:1"],
            &["deploy", "app", "oci:layout:2"],
        ] {
            let (code, _, said) = told(&user, command);
            assert_eq!(code, Some(3), "{name} {command:?}: {said}");
            assert!(said.contains("symbolic link") && said.contains(name), "{said}");
        }
        assert!(victims.iter().all(|path| path.exists()), "{name}");
        fs::remove_file(&folder).expect("the link");
        if is_there {
            fs::rename(&aside, &folder).expect("back");
        }
        fs::remove_dir_all(&behind).expect("removed");
    }
    assert_clean(&user);
}

#[test]
fn a_deployment_without_files_is_not_gone_back_to_before_they_are_made_again() {
    let user = user();
    deploy(&user, 1, &[]);
    let before = tree(&file(&user, 1, ""));
    deploy(&user, 2, &[]);
    for lost in ["1/bundle/rootfs", "1/bundle"] {
        let config = user.path(".local/share/remora/deployments/app/1/bundle/config.json");
        let text = fs::read(&config).expect("there");
        let folder = user.path(".local/share/remora/deployments/app").join(lost);
        fs::remove_dir_all(folder).expect("removed");
        let (code, _, said) = told(&user, &["rollback", "app"]);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("number 1") && said.contains("--repair"), "{said}");
        assert_eq!(start(&user).0, "release 2");
        damage(&user, lost);
        let (code, repaired, said) = told(&user, &["store", "verify", "--repair"]);
        // Nothing makes a configuration again but a deployment.
        let expected = if lost == "1/bundle" { 4 } else { 0 };
        assert_eq!(code, Some(expected), "{lost}: {said} {repaired}");
        assert_eq!(tree(&file(&user, 1, "")), before, "{lost}");
        fs::write(config, text).expect("written");
        assert_clean(&user);
    }
    user.remora(&["rollback", "app"]);
    assert_eq!(start(&user).0, "release 1");
}

#[test]
fn what_is_in_the_way_keeps_nothing_else_from_being_mended() {
    let user = user();
    deploy(&user, 1, &[]);
    let before = tree(&file(&user, 1, ""));
    let (empty, full) = (file(&user, 1, "bin/sh"), file(&user, 1, "release"));
    for path in [&empty, &full] {
        fs::remove_file(path).expect("removed");
        fs::create_dir(path).expect("made");
        user.give(path);
    }
    fs::write(full.join("mine"), "mine").expect("written");
    fs::remove_file(file(&user, 1, "data/private")).expect("removed");
    damage(&user, "");
    let (code, repaired, said) = told(&user, &["store", "verify", "--repair"]);
    assert_eq!(code, Some(4), "{said} {repaired}");
    let found = &repaired["deployed"]["damaged"][0];
    let place = found["not_mended"][0]["path"].as_str().expect("a path");
    assert!(place.ends_with("/rootfs/release"), "{found}");
    assert_eq!(fs::read(full.join("mine")).expect("left alone"), b"mine");
    assert!(file(&user, 1, "data/private").is_file() && empty.is_symlink(), "{found}");
    fs::remove_dir_all(&full).expect("removed");
    repair(&user);
    assert_eq!(tree(&file(&user, 1, "")), before);
    assert_clean(&user);
}

#[test]
fn a_folder_of_a_user_whom_nobody_here_may_be_is_told_by_its_path() {
    let user = user();
    deploy(&user, 1, &[]);
    let mode = |mode| fs::Permissions::from_mode(mode);
    let (nobody, folder) = (70_000_000, file(&user, 1, "data"));
    chown(&folder, Some(nobody), Some(nobody)).expect("root may");
    fs::set_permissions(&folder, mode(0o755)).expect("set");
    fs::remove_file(file(&user, 1, "release")).expect("removed");
    damage(&user, "");
    let (code, repaired, said) = told(&user, &["store", "verify", "--repair"]);
    assert_eq!(code, Some(4), "{said} {repaired}");
    let found = &repaired["deployed"]["damaged"][0];
    assert!(found["not_mended"].to_string().contains("/rootfs/data"), "{found}");
    assert!(file(&user, 1, "release").is_file(), "the rest is mended");
}

#[test]
fn the_time_of_a_folder_is_compared_unless_a_runtime_has_mounted_there() {
    let user = user();
    deploy(&user, 1, &[]);
    let time = |path: &Path| fs::metadata(path).expect("there").mtime();
    let folder = file(&user, 1, "data");
    let before = time(&folder);
    let open = fs::File::open(&folder).expect("opened");
    open.set_modified(SystemTime::now()).expect("set");
    assert_eq!(damage(&user, "")["deployed"]["damaged"][0]["paths"], json!(["/data"]));
    repair(&user);
    assert_eq!(time(&folder), before);
    assert_clean(&user);
    fs::create_dir(folder.join("mounted")).expect("made");
    assert_clean(&user);
}

#[test]
fn a_lost_record_of_a_devices_stand_in_is_found() {
    let user = user();
    deploy(&user, 1, &[]);
    let device = file(&user, 1, "data/null");
    assert_eq!(fs::metadata(&device).expect("there").len(), 0);
    let name = "user.containers.override_stat";
    rustix::fs::removexattr(&device, name).expect("a record stands for the device");
    assert_eq!(damage(&user, "")["deployed"]["damaged"][0]["paths"], json!(["/data/null"]));
    repair(&user);
    assert_clean(&user);
}

#[test]
fn a_link_to_the_current_deployment_that_leads_to_none_is_told() {
    let user = user();
    deploy(&user, 1, &[]);
    let current = user.path(".local/share/remora/deployments/app/current");
    fs::remove_file(&current).expect("removed");
    let (code, found, said) = told(&user, &["store", "verify"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(found["deployed"]["none_current"].as_array().map(Vec::len), Some(1), "{found}");
    symlink("7", &current).expect("made");
    let found = damage(&user, "");
    assert_eq!(found["deployed"]["broken_links"].as_array().map(Vec::len), Some(1), "{found}");
    fs::remove_file(&current).expect("removed");
    fs::create_dir(&current).expect("made");
    damage(&user, "");
    let (code, _, said) = told(&user, &["store", "verify", "--repair"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("current"), "{said}");
    fs::remove_dir(&current).expect("removed");
    assert_eq!(deploy(&user, 1, &[])["outcome"], "deployed");
    assert_clean(&user);
}

#[test]
fn deployments_whose_records_the_store_has_lost_are_told_and_known_again() {
    let user = user();
    deploy(&user, 1, &[]);
    deploy(&user, 2, &[]);
    fs::remove_dir_all(user.path("store/deployments")).expect("removed");
    let found = damage(&user, "");
    assert_eq!(found["deployed"]["unknown"].as_array().map(Vec::len), Some(2), "{found}");
    assert_eq!(repair(&user)["deployed"]["deployments"], 2);
    assert_clean(&user);
    // A store of another folder has nothing to do with them.
    let other = user.remora(&["store", "verify", "--store", "other"]);
    assert_eq!(other["deployed"]["unknown"], json!([]), "{other}");
    // A folder in a record's place gives way if nothing is in it.
    let records = names(&user.path("store/deployments"));
    fs::remove_file(&records[0]).expect("removed");
    fs::create_dir(&records[0]).expect("made");
    user.give(&records[0]);
    assert_eq!(damage(&user, "")["damaged_records"].as_array().map(Vec::len), Some(1));
    repair(&user);
    assert!(records[0].is_file());
    assert_clean(&user);
}

#[test]
fn an_object_of_another_length_is_damaged_and_is_not_read() {
    const LEN: u64 = 1 << 50;
    let user = user();
    deploy(&user, 1, &[]);
    let object = objects(&user).into_iter().next().expect("an object");
    fs::remove_file(&object).expect("removed");
    let file = fs::File::create(&object).expect("made");
    if file.set_len(LEN).is_err() {
        // ext4 has files of at most 16 TiB: reading that takes an hour.
        file.set_len(15 << 40).expect("set");
    }
    user.give(&object);
    let found = damage(&user, "");
    assert_eq!(found["damaged_objects"].as_array().map(Vec::len), Some(1), "{found}");
    repair(&user);
    assert_clean(&user);
}

#[test]
fn a_delta_whose_base_is_damaged_has_the_base_fetched_again() {
    let user = user();
    let (base, target) = ("oci:layout:1", "oci:layout:2");
    user.remora(&["create", base, target, "--output", "oci:layout:delta"]);
    deploy(&user, 1, &[]);
    for harm in ["objects", "recipes"] {
        for path in names(&user.path("store").join(harm)) {
            fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)).expect("removed");
        }
        let (code, deployed, said) = told(&user, &["deploy", "app", "oci:layout:delta", "--again"]);
        assert_eq!(code, Some(0), "{harm}: {said}");
        assert_eq!(deployed["outcome"], "deployed", "{deployed}");
        assert_eq!(start(&user).0, "release 2");
    }
}

#[test]
fn files_of_a_copy_are_compared_and_mended_unless_containers_may_change_them() {
    let user = user();
    deploy(&user, 1, &["--copy"]);
    let before = tree(&file(&user, 1, ""));
    rot(&file(&user, 1, COMMON));
    fs::remove_file(file(&user, 1, "release")).expect("removed");
    let found = damage(&user, "");
    assert_eq!(found["deployed"]["damaged"][0]["differing"], 2, "{found}");
    repair(&user);
    assert_eq!(tree(&file(&user, 1, "")), before);
    assert_eq!(fs::metadata(file(&user, 1, COMMON)).expect("there").nlink(), 1, "its own still");
    assert_clean(&user);
    deploy(&user, 1, &["--copy", "--writable"]);
    fs::write(file(&user, 2, "release"), "a container's").expect("written");
    let (code, found, said) = told(&user, &["store", "verify"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(found["deployed"]["changeable"].as_array().map(Vec::len), Some(1), "{found}");
}

#[test]
fn attributes_of_the_top_folder_are_mended_too() {
    let user = user();
    deploy(&user, 1, &[]);
    let top = file(&user, 1, "");
    let acl =
        [2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 4, 0, 5, 0, 255, 255, 255, 255, 32, 0, 5, 0]
            .into_iter()
            .chain([255; 4])
            .collect::<Vec<u8>>();
    for (name, value) in [("user.a", &b"b"[..]), ("system.posix_acl_default", &acl)] {
        rustix::fs::setxattr(&top, name, value, rustix::fs::XattrFlags::empty()).expect("set");
        assert_eq!(damage(&user, name)["deployed"]["damaged"][0]["paths"], json!(["/"]), "{name}");
        repair(&user);
        assert_clean(&user);
    }
}

#[test]
fn what_nobody_writes_to_in_a_folders_place_is_not_waited_for() {
    let user = user();
    deploy(&user, 1, &[]);
    deploy(&user, 2, &[]);
    let site = user.path(".local/share/remora/deployments/app");
    let in_place_of = |name: &str| {
        let (place, aside) = (site.join(name), site.join(".aside"));
        fs::rename(&place, &aside).expect("moved");
        run("mkfifo", &[place.to_str().expect("text")]);
        user.give(&place);
        for command in
            [&["store", "verify"][..], &["store", "verify", "--repair"], &["rollback", "app"]]
        {
            told(&user, command);
        }
        fs::remove_file(&place).expect("still there");
        fs::rename(&aside, &place).expect("back");
    };
    in_place_of("lock");
    in_place_of("1");
    assert_clean(&user);
}

#[test]
fn a_foreign_file_that_is_linked_into_the_store_keeps_its_time() {
    let user = user();
    deploy(&user, 1, &[]);
    let victim = user.path("victim");
    fs::write(&victim, "mine").expect("written");
    user.give(&victim);
    set_modified(&victim, SystemTime::UNIX_EPOCH);
    let recipe = names(&user.path("store/recipes")).into_iter().next().expect("a recipe");
    fs::remove_file(&recipe).expect("removed");
    fs::hard_link(&victim, &recipe).expect("linked");
    damage(&user, "");
    let about = fs::metadata(&victim).expect("there");
    assert_eq!(about.modified().expect("a time"), SystemTime::UNIX_EPOCH);
    assert_eq!(fs::read(&victim).expect("there"), b"mine");
}

#[test]
fn a_record_in_which_one_character_changed_is_told_and_written_again() {
    let user = user();
    deploy(&user, 1, &[]);
    user.remora(&["pull", "oci:layout:2"]);
    let change = |path: &Path| {
        let text = fs::read_to_string(path).expect("text");
        let place = text.find("sha256:").expect("a digest") + "sha256:".len();
        let other = if text.as_bytes()[place] == b'0' { "1" } else { "0" };
        fs::write(path, [&text[..place], other, &text[place + 1..]].concat()).expect("written");
    };
    let records = |folder: &str| names(&user.path("store").join(folder));
    records("deployments").iter().chain(&records("names")).for_each(|path| change(path));
    change(&user.path(".local/share/remora/deployments/app/1/deployment.json"));
    let found = damage(&user, "");
    assert_eq!(found["damaged_records"].as_array().map(Vec::len), Some(3), "{found}");
    // Without its image's name the store does not know the deployment: deploying does it again.
    told(&user, &["store", "verify", "--repair"]);
    deploy(&user, 1, &["--again"]);
    assert_clean(&user);
    assert_eq!(start(&user).0, "release 1");
}

#[test]
fn a_recipe_of_a_length_that_nothing_has_hides_no_image_and_is_had_again() {
    let user = user();
    deploy(&user, 1, &[]);
    for path in names(&user.path("store/recipes")) {
        fs::remove_file(&path).expect("removed");
        fs::write(&path, [&b"RmRecip1"[..], &[0xff; 8]].concat()).expect("written");
        user.give(&path);
    }
    let images = user.remora(&["images"]);
    assert_eq!(images["images"][0]["whole"], false, "{images}");
    for command in [&["store", "gc"][..], &["store", "info"], &["pull", "oci:layout:1"]] {
        let (code, _, said) = told(&user, command);
        assert!(matches!(code, Some(0 | 3)), "{command:?}: {said}");
    }
    repair(&user);
    assert_clean(&user);
    assert_eq!(user.remora(&["images"])["images"][0]["whole"], true);
}
