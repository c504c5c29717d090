//! Deployments on another disk than the store, which may be away, or never come back.

use std::fs;

use serde_json::{Value, json};

use super::deploy::user;
use super::disk::Disk;
use super::ordinary_user::OrdinaryUser;
use super::shared::told;

const PLACE: [&str; 2] = ["--deployments", "disk/all"];

fn on_disk(user: &OrdinaryUser, arguments: &[&str]) -> Value {
    user.remora(&[arguments, &PLACE[..]].concat())
}

/// The deployments whose disk is away, as collection says.
fn away(user: &OrdinaryUser) -> Vec<Value> {
    let collected = user.remora(&["store", "gc", "--older-than", "0s"]);
    collected["out_of_reach"].as_array().expect("a list").clone()
}

/// How many deployments the store keeps something for.
fn records(user: &OrdinaryUser) -> usize {
    fs::read_dir(user.path("store/deployments")).expect("there").count()
}

#[test]
fn files_that_were_copied_are_not_called_shared() {
    let user = user();
    let _disk = Disk::mount(&user, "disk", "32m");
    let deploy =
        |options: &[&str]| on_disk(&user, &[&["deploy", "app", "oci:layout:1"], options].concat());
    let first = deploy(&[]);
    let how =
        |answer: &Value| (answer["current"]["shared"].clone(), answer["current"]["copied"].clone());
    assert_eq!(how(&first), (json!(false), json!(true)), "{first}");
    assert_eq!(deploy(&[])["outcome"], "unchanged");
    // They are compared all the same: nothing may have changed them.
    let release = user.path("disk/all/app/1/bundle/rootfs/release");
    fs::write(&release, "release X").expect("written");
    let (code, found, said) = told(&user, &["store", "verify"]);
    assert_eq!(
        (code, &found["deployed"]["damaged"][0]["paths"]),
        (Some(4), &json!(["/release"])),
        "{said}"
    );
    // A record that is written again says the same.
    fs::remove_file(user.path("disk/all/app/1/deployment.json")).expect("removed");
    let (code, _, said) = told(&user, &["store", "verify", "--repair"]);
    assert_eq!(
        (code, fs::read(&release).expect("there")),
        (Some(0), b"release 1".to_vec()),
        "{said}"
    );
    let listed = on_disk(&user, &["deployments"]);
    let row = &listed["deployments"][0];
    assert_eq!((&row["shared"], &row["copied"]), (&json!(false), &json!(true)), "{listed}");
    assert_eq!(how(&deploy(&["--copy"])), (json!(false), json!(false)));
    assert_eq!(on_disk(&user, &["undeploy", "app"])["removed"], json!([1, 2]));
}

#[test]
fn what_was_removed_is_not_taken_for_what_is_away() {
    let user = user();
    let disk = Disk::mount(&user, "disk", "32m");
    for number in 1..=3 {
        on_disk(&user, &["deploy", "app", &format!("oci:layout:{number}")]);
    }
    assert_eq!(records(&user), 2, "the first one has gone");
    on_disk(&user, &["undeploy", "app"]);
    assert_eq!(records(&user), 0);
    on_disk(&user, &["deploy", "app", "oci:layout:1"]);
    // By whoever has the folder, with the disk there.
    fs::remove_dir_all(user.path("disk/all")).expect("removed");
    assert_eq!((away(&user), records(&user)), (Vec::new(), 0));
    drop(disk);
    assert_eq!(away(&user), Vec::<Value>::new());
}

#[test]
fn a_disk_that_never_comes_back_is_forgotten_when_somebody_says_so() {
    let user = user();
    let disk = Disk::mount(&user, "disk", "32m");
    on_disk(&user, &["deploy", "app", "oci:layout:1"]);
    on_disk(&user, &["deploy", "other", "oci:layout:2"]);
    drop(disk);
    assert_eq!(away(&user).len(), 2);
    let (code, answer, said) = told(&user, &[&["undeploy", "app"], &PLACE[..]].concat());
    assert_eq!((code, &answer["error"]["code"]), (Some(3), &json!("file_not_found")), "{said}");
    assert!(said.contains("is not mounted") && said.contains("--forget"), "{said}");
    assert_eq!(away(&user).len(), 2);
    let rootfs = user.path("disk/all/app/1/bundle/rootfs");
    let forgotten = on_disk(&user, &["undeploy", "app", "--forget"]);
    assert_eq!((&forgotten["removed"], &forgotten["forgotten"]), (&json!([]), &json!([rootfs])));
    let left = away(&user);
    assert!(
        left.len() == 1 && left[0].as_str().is_some_and(|it| it.contains("/other/")),
        "{left:?}"
    );
    let (code, _, said) = told(&user, &[&["undeploy", "app", "--forget"], &PLACE[..]].concat());
    assert!(code == Some(3) && said.contains("nothing is deployed as app"), "{said}");
}
