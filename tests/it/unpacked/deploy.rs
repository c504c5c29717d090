//! Images deployed beside each other by an ordinary user: checked, switched to, gone back from, started.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::layer::{Has, layer};
use super::ordinary_user::OrdinaryUser;
use super::shared::told;
use crate::images::{Bench, ImageBuilder, image};
use crate::tools::run;

/// Where deployments are, in the user's folder.
const SITE: &str = ".local/share/remora/deployments/app";

/// How often deploys are killed; more often if somebody has time.
fn kills() -> u64 {
    let wanted = std::env::var("REMORA_DEPLOY_KILLS").ok().and_then(|text| text.parse().ok());
    wanted.unwrap_or(6)
}

/// A release of an app that says which one it is; files of two users are in it.
fn release(number: u32) -> ImageBuilder {
    release_that(number, "cat /release; exit 7")
}

/// The same app, which runs `script`.
fn release_that(number: u32, script: &str) -> ImageBuilder {
    let busybox = run("sh", &["-c", "command -v busybox"]);
    let busybox = fs::read(busybox.trim()).expect("the program");
    let system = layer()
        .dir("bin")
        .file_of("bin/busybox", &busybox, Has { mode: 0o755, uid: 0, gid: 0 })
        .symlink("bin/sh", "busybox")
        .dir("proc")
        .dir("sys")
        .dir("dev")
        .file_of("data/private", b"of app", Has { mode: 0o600, uid: 33, gid: 33 })
        .node(b'3', "data/null", (1, 3))
        .file_of("data/shut", &[b's'; 5000], Has { mode: 0, uid: 0, gid: 0 });
    // Data of 5 and 3 bytes around a hole.
    let own = layer()
        .file("release", &format!("release {number}"))
        .pax("GNU.sparse.size", "100000")
        .pax("GNU.sparse.numblocks", "2")
        .pax("GNU.sparse.map", "0,5,99997,3")
        .file("data/holes", "aaaaabbb");
    image()
        .layer(&system.tar())
        .layer(&own.tar())
        .with("config", json!({ "Entrypoint": ["/bin/busybox", "sh", "-c", script] }))
}

/// A user who has the releases 1 to 3 as `oci:layout:N`.
pub(super) fn user() -> OrdinaryUser {
    let user = OrdinaryUser::new(true);
    let bench = Bench::new();
    for number in 1..=3 {
        bench.put(&number.to_string(), &release(number).build());
    }
    let (from, to) = (bench.path().join("layout"), user.path("layout"));
    run("cp", &["-r", from.to_str().expect("text"), to.to_str().expect("text")]);
    user.give(&to);
    user
}

pub(super) fn deploy(user: &OrdinaryUser, number: u32, options: &[&str]) -> Value {
    let image = format!("oci:layout:{number}");
    user.remora(&[&["deploy", "app", &image], options].concat())
}

/// What the app says, and its exit code.
pub(super) fn start(user: &OrdinaryUser) -> (String, Option<i32>) {
    let output = user.output(&[user.path("remora").to_str().expect("text"), "run", "app"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.is_empty(), "{told}");
    (said, output.status.code())
}

fn refused(user: &OrdinaryUser, arguments: &[&str]) -> String {
    let remora = user.path("remora");
    let output = user.output(&[&[remora.to_str().expect("text")], arguments].concat());
    assert_eq!(output.status.code(), Some(3), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(super) fn numbers(user: &OrdinaryUser) -> Vec<u64> {
    let names = fs::read_dir(user.path(SITE)).expect("there");
    let names = names.map(|entry| entry.expect("entry").file_name().into_string().expect("text"));
    let mut numbers: Vec<u64> = names.filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_release_is_switched_to_and_gone_back_from() {
    let user = user();
    let first = deploy(&user, 1, &[]);
    assert_eq!(
        (&first["outcome"], &first["files"]["owners"]),
        (&json!("deployed"), &json!("mapped")),
        "{first}"
    );
    assert_eq!(start(&user), ("release 1".to_owned(), Some(7)));
    assert_eq!(deploy(&user, 1, &[])["outcome"], "unchanged");

    let second = deploy(&user, 2, &["--check", "test \"$(cat /release)\" = 'release 2'"]);
    assert_eq!((&second["outcome"], &second["current"]["number"]), (&json!("deployed"), &json!(2)));
    assert_eq!(start(&user), ("release 2".to_owned(), Some(7)));

    let back = user.remora(&["rollback", "app"]);
    assert_eq!((&back["current"]["number"], &back["from"]["number"]), (&json!(1), &json!(2)));
    assert_eq!(start(&user), ("release 1".to_owned(), Some(7)));
    // A timer would deploy the same again.
    assert_eq!(deploy(&user, 2, &[])["outcome"], "rolled_back_before");
    assert_eq!(start(&user).0, "release 1");
    assert_eq!(deploy(&user, 2, &["--again"])["outcome"], "deployed");
    assert_eq!(start(&user).0, "release 2");

    let listed = user.remora(&["deployments"]);
    let current = |row: &Value| row["current"] == true;
    let rows = listed["deployments"].as_array().expect("a list");
    assert_eq!(rows.iter().filter(|row| current(row)).count(), 1);
    // The one that can be gone back to is kept, not the one that was gone back from.
    let kept: Vec<_> = rows.iter().map(|row| row["number"].as_u64()).collect();
    assert_eq!(kept, [Some(1), Some(3)]);
    assert_eq!(rows.last().map(|row| (current(row), &row["number"])), Some((true, &json!(3))));
}

#[test]
fn a_release_is_kept_and_listed_by_the_name_that_whoever_deploys_it_gives() {
    let user = user();
    let name = "registry.example.com/app:1";
    let first = deploy(&user, 1, &["--as", name]);
    assert_eq!((&first["current"]["image"], &first["outcome"]), (&json!(name), &json!("deployed")));
    let listed = user.remora(&["deployments", "app"]);
    assert_eq!(listed["deployments"][0]["image"], name);
    let kept = user.remora(&["images"]);
    let names: Vec<&Value> = kept["images"].as_array().expect("a list").iter().collect();
    assert!(names.len() == 1 && names[0]["name"] == name, "{kept}");
    // Under that name the image is at hand: nobody asks the registry.
    let unpacked = user.remora(&["unpack", name, "files"]);
    assert_eq!(unpacked["image_id"], first["current"]["id"]);
}

#[test]
fn a_release_whose_check_fails_never_becomes_current() {
    let user = user();
    deploy(&user, 1, &[]);
    let told =
        refused(&user, &["deploy", "app", "oci:layout:2", "--check", "echo no good; exit 3"]);
    assert!(told.contains("the check of app failed: exit status: 3; it said: no good"), "{told}");
    let slow = ["deploy", "app", "oci:layout:2", "--check", "sleep 100", "--check-time", "1s"];
    let told = refused(&user, &slow);
    assert!(told.contains("it did not end within 1 s"), "{told}");
    assert_eq!((start(&user).0.as_str(), numbers(&user)), ("release 1", vec![1]));
    // The check cannot change what it checks.
    let told = refused(&user, &["deploy", "app", "oci:layout:2", "--check", "echo x > /release"]);
    assert!(told.contains("Read-only file system"), "{told}");
}

#[test]
fn a_check_that_says_much_or_outlives_its_deploy_takes_no_room_and_ends() {
    let user = user();
    deploy(&user, 1, &[]);
    let flood = ["deploy", "app", "oci:layout:2", "--check", "yes; exit 1", "--check-time", "1s"];
    let told = refused(&user, &flood);
    assert!(told.contains("it did not end within 1 s; it said: y"), "{told}");
    assert!(told.len() < 5_000, "{} bytes were told", told.len());

    let marker = format!("sleep 7654{}", std::process::id());
    signal_during_check(&user, &marker, "-9");
    assert!(is_running(&marker), "the check was to outlive its deploy");
    assert_eq!(deploy(&user, 2, &[])["outcome"], "deployed");
    assert!(!is_running(&marker));
}

#[test]
fn a_deploy_that_is_told_to_end_ends_its_check_and_leaves_nothing() {
    let user = user();
    deploy(&user, 1, &[]);
    let marker = format!("sleep 8765{}", std::process::id());
    signal_during_check(&user, &marker, "-TERM");
    assert!(!is_running(&marker));
    assert_eq!((start(&user).0.as_str(), numbers(&user)), ("release 1", vec![1]));
}

/// Whether a process has `marker` in its command line.
fn is_running(marker: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let mut lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.any(|line| line.contains(marker))
}

/// Sends `signal` to a deploy of release 2 while its check, `marker`, runs; returns when the deploy has ended.
fn signal_during_check(user: &OrdinaryUser, marker: &str, signal: &str) {
    let script =
        format!("./remora deploy app oci:layout:2 -q --check '{marker}' & echo $! >pid; wait");
    std::thread::scope(|scope| {
        scope.spawn(|| user.output(&["sh", "-c", &script]));
        let begun = Instant::now();
        // The shell around it has the same words in its line.
        while !(is_running(marker) && user.path(SITE).join("2/check/state").is_dir()) {
            assert!(begun.elapsed() < Duration::from_secs(60), "the check never began");
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(Duration::from_millis(500));
        let deploy = fs::read_to_string(user.path("pid")).expect("its number");
        run("kill", &[signal, deploy.trim()]);
    });
}

#[test]
fn old_deployments_go_but_never_the_one_before() {
    let user = user();
    deploy(&user, 1, &[]);
    deploy(&user, 2, &["--keep", "1"]);
    assert_eq!(numbers(&user), [1, 2]);
    assert_eq!(deploy(&user, 3, &["--keep", "1"])["removed"], json!([1]));
    deploy(&user, 1, &["--keep", "3"]);
    assert_eq!(numbers(&user), [2, 3, 4]);
    user.remora(&["rollback", "app", "--to", "2"]);
    assert_eq!(start(&user).0, "release 2");
    let told = refused(&user, &["rollback", "app"]);
    assert!(told.contains("app has no deployment before the current one"), "{told}");
    let again = user.remora(&["rollback", "app", "--to", "2"]);
    assert_eq!(again["from"], again["current"], "nothing is left to do");
    let told = refused(&user, &["rollback", "app", "--to", "9"]);
    assert!(told.contains("app has no deployment 9"), "{told}");
    let told = refused(&user, &["rollback", "other"]);
    assert!(told.contains("nothing is deployed as other"), "{told}");
    let told = refused(&user, &["run", "other"]);
    assert!(told.contains("nothing is deployed as other"), "{told}");
}

#[test]
fn what_runs_keeps_its_files_also_after_it_was_gone_back_from() {
    let user = user();
    deploy(&user, 1, &[]);
    deploy(&user, 2, &[]);
    // Its folder is held as `remora run` holds it.
    let held = fs::File::open(user.path(SITE).join("2")).expect("there");
    held.lock_shared().expect("locked");
    user.remora(&["rollback", "app"]);
    assert_eq!(deploy(&user, 3, &["--keep", "1"])["removed"], json!([]));
    assert_eq!(numbers(&user), [1, 2, 3]);
    drop(held);
    deploy(&user, 1, &["--keep", "1"]);
    assert_eq!(numbers(&user), [3, 4]);
}

#[test]
fn a_container_that_outlives_its_runtime_keeps_its_files() {
    let user = user();
    let seconds = format!("7321{}", std::process::id());
    let bench = Bench::new();
    bench.put("1", &release_that(1, &format!("exec sleep {seconds}")).build());
    let (from, to) = (bench.path().join("layout"), user.path("sleeper"));
    run("cp", &["-r", from.to_str().expect("text"), to.to_str().expect("text")]);
    user.give(&to);
    user.remora(&["deploy", "app", "oci:sleeper:1"]);
    let script = "./remora run app >/dev/null 2>&1 & echo $! >pid; wait; true";
    let sleeps = || {
        let processes = fs::read_dir("/proc").expect("processes").flatten();
        let line = |path: &Path| fs::read(path.join("cmdline")).unwrap_or_default();
        let mut ours = processes.map(|it| it.path()).filter(|path| {
            let line = String::from_utf8_lossy(&line(path)).replace('\0', " ");
            line.trim_end() == format!("sleep {seconds}")
        });
        ours.next().and_then(|path| path.file_name()?.to_str().map(str::to_owned))
    };
    std::thread::scope(|scope| {
        scope.spawn(|| user.output(&["sh", "-c", script]));
        let begun = Instant::now();
        while sleeps().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the container never started");
            std::thread::sleep(Duration::from_millis(50));
        }
        let runtime = fs::read_to_string(user.path("pid")).expect("its number");
        run("kill", &["-9", runtime.trim()]);
    });
    deploy(&user, 2, &[]);
    deploy(&user, 3, &["--keep", "1"]);
    assert_eq!(deploy(&user, 1, &["--keep", "1"])["removed"], json!([2]));
    assert!(numbers(&user).contains(&1), "its container lives");
    let containers = || fs::read_dir(user.path(SITE).join("containers")).expect("there").count();
    assert_eq!(containers(), 1);
    assert!(refused(&user, &["undeploy", "app"]).contains("something of app number 1 runs"));
    let container = sleeps().expect("it lives");
    run("kill", &["-9", &container]);
    while sleeps().is_some() {
        std::thread::sleep(Duration::from_millis(20));
    }
    deploy(&user, 2, &["--keep", "1"]);
    assert_eq!((numbers(&user), containers()), (vec![4, 5], 0));
    // What a power cut leaves of a container is in nobody's way.
    fs::create_dir(user.path(SITE).join("containers/app-5-4194304")).expect("made");
    user.give(&user.path(SITE).join("containers/app-5-4194304"));
    assert_eq!((start(&user), containers()), (("release 2".to_owned(), Some(7)), 0));
}

#[test]
fn a_record_that_cannot_be_read_costs_no_deployment() {
    let user = user();
    deploy(&user, 1, &[]);
    deploy(&user, 2, &[]);
    let record = user.path(SITE).join("2/deployment.json");
    let text = fs::read(&record).expect("there");
    fs::write(&record, "garbage").expect("written");
    refused(&user, &["deploy", "app", "oci:layout:3", "--check", "false"]);
    assert_eq!(numbers(&user), [1, 2]);
    fs::write(&record, text).expect("written");
    assert_eq!(start(&user).0, "release 2");
}

#[test]
fn a_switch_that_fails_leaves_nothing_and_numbers_end_without_harm() {
    let user = user();
    deploy(&user, 1, &[]);
    let current = user.path(SITE).join("current");
    fs::remove_file(&current).expect("removed");
    fs::create_dir_all(current.join("x")).expect("made");
    for _ in 0..2 {
        let told = refused(&user, &["deploy", "app", "oci:layout:2"]);
        assert!(told.contains("cannot switch"), "{told}");
        assert_eq!(numbers(&user), [1]);
    }
    fs::remove_dir_all(&current).expect("removed");
    fs::create_dir(user.path(SITE).join(u64::MAX.to_string())).expect("made");
    fs::write(user.path(SITE).join(u64::MAX.to_string()).join("deployment.json"), "{}")
        .expect("written");
    let told = refused(&user, &["deploy", "app", "oci:layout:2"]);
    assert!(told.contains("there is no number after the last one"), "{told}");
}

#[test]
fn what_is_undeployed_goes_with_files_of_all_its_users() {
    let user = user();
    assert!(refused(&user, &["undeploy", "app"]).contains("nothing is deployed"));
    deploy(&user, 1, &[]);
    deploy(&user, 2, &[]);
    assert_eq!(user.remora(&["undeploy", "app"])["removed"], json!([1, 2]));
    assert_eq!(numbers(&user), [0; 0]);
    assert!(refused(&user, &["run", "app"]).contains("nothing is deployed"));
    assert_eq!(user.remora(&["deployments"])["deployments"], json!([]));
    for name in ["oci:layout:1", "oci:layout:2"] {
        user.remora(&["rmi", name]);
    }
    let collected = user.remora(&["store", "gc", "--older-than", "0s"]);
    assert_eq!(collected["kept_layers"], 0, "{collected}");
    assert_eq!(deploy(&user, 1, &[])["outcome"], "deployed");
}

#[test]
fn undeploy_waits_for_who_compares_but_not_for_ever() {
    let user = user();
    deploy(&user, 1, &[]);
    deploy(&user, 2, &[]);
    let hold = || {
        let held = fs::File::open(user.path(SITE).join("1")).expect("there");
        held.lock_shared().expect("locked as remora store verify does");
        held
    };
    let held = hold();
    let (code, answer, said) = told(&user, &["undeploy", "app"]);
    assert_eq!(
        (code, &answer["error"]["code"], &answer["error"]["retry"]),
        (Some(3), &json!("in_use"), &json!(true)),
        "{said}"
    );
    assert!(said.contains("somebody compares or mends app number 1"), "{said}");
    assert!(said.contains("wait until remora store verify has ended"), "{said}");
    assert_eq!(start(&user).0, "release 2", "nothing has gone");
    // Nobody who deploys is kept waiting: what is held stays.
    assert_eq!(deploy(&user, 3, &["--keep", "1"])["removed"], json!([]));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_secs(1));
            drop(held);
        });
        assert_eq!(user.remora(&["undeploy", "app"])["removed"], json!([1, 2, 3]));
    });
}

#[test]
fn deployments_below_a_link_are_checked_and_started() {
    let user = user();
    fs::create_dir(user.path("disk")).expect("made");
    symlink("disk", user.path("link")).expect("made");
    for name in ["disk", "link"] {
        user.give(&user.path(name));
    }
    let check = ["--check", "test \"$(cat /release)\" = 'release 1'"];
    let full = user.path("link/all").to_str().expect("text").to_owned();
    for place in ["link/all", &full, "link/../link/all"] {
        let options = [&["--deployments", place, "--again"], &check[..]].concat();
        assert_eq!(deploy(&user, 1, &options)["outcome"], "deployed", "{place}");
        let remora = user.path("remora");
        let run = [remora.to_str().expect("text"), "run", "app", "--deployments", place];
        let output = user.output(&run);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((&*output.stdout, &*said), (&b"release 1"[..], ""), "{place}");
    }
}

#[test]
fn a_check_that_the_runtime_does_not_start_is_not_the_images_fault() {
    let user = user();
    let deploy = ["deploy", "app", "oci:layout:1", "--check", "true", "--runtime"];
    let told = refused(&user, &[&deploy[..], &["/bin/false"]].concat());
    assert!(told.contains("the check of app was not started; the runtime said: "), "{told}");
    assert!(told.contains("--runtime") && !told.contains("mend the image"), "{told}");
}

#[test]
fn names_that_are_none_are_refused() {
    let user = user();
    for name in ["", "..", "a/b", "A", "-x"] {
        let remora = user.path("remora");
        let output =
            user.output(&[remora.to_str().expect("text"), "deploy", "--", name, "oci:layout:1"]);
        assert_eq!(output.status.code(), Some(2), "{name}");
    }
}

#[test]
fn a_killed_deploy_leaves_the_old_one_or_the_new_one_and_the_next_succeeds() {
    let user = user();
    deploy(&user, 1, &[]);
    let mut current = 1;
    for number in 0..kills() {
        let next = if current == 1 { 2 } else { 1 };
        let image = format!("oci:layout:{next}");
        // The program alone is to die, not what stands around it.
        let script = format!(
            "./remora deploy app {image} --again -q & sleep {}; kill -9 $!; wait",
            pause(number)
        );
        user.output(&["sh", "-c", &script]);
        let said = start(&user).0;
        assert!(
            [format!("release {current}"), format!("release {next}")].contains(&said),
            "{said}"
        );
        deploy(&user, next, &["--again"]);
        assert_eq!(start(&user).0, format!("release {next}"));
        current = next;
        assert_only_whole(&user.path(SITE));
    }
}

/// Seconds until a kill: anywhere in a deploy, which takes some tenths of one.
fn pause(number: u64) -> String {
    format!("{:.2}", Duration::from_millis(20 + 55 * (number % 9)).as_secs_f64())
}

/// Fails if something half-done is left.
fn assert_only_whole(site: &Path) {
    let names = fs::read_dir(site).expect("there");
    for name in names.map(|entry| entry.expect("entry").file_name().into_string().expect("text")) {
        let known = ["lock", "current", "containers"].contains(&name.as_str());
        let whole = || site.join(&name).join("deployment.json").is_file();
        assert!(known || name.parse::<u64>().is_ok() && whole(), "{name}");
    }
    let left = Command::new("find").arg(site).args(["-name", ".remora-*"]).output().expect("find");
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}
