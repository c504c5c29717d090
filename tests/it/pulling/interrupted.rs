//! Runs that are cut off: the next one goes on, and fetches nothing twice that it had.

use std::fs;
use std::time::Duration;

use remora::image::{ImageContents, parse_config};

use super::{Bench, RELEASE_3_BOTTOM, TALK_BYTES, id, names, release_2, release_3};
use crate::sample_image::{SampleImage, Style};
use crate::scripted_server::{Reply, ScriptedServer};
use crate::tools::run;

/// Bytes a second of the slow link.
const SLOW: u64 = 1_000_000;
/// Bytes of the blobs of release 1, and of the delta to release 2, at most.
const RELEASE_BYTES: u64 = 2_410_000;
const DELTA_BYTES: u64 = 720_000;
/// Bytes that a killed run had received and not yet kept: what sockets and pipes hold.
const IN_FLIGHT_BYTES: u64 = 600_000;

/// How often runs are killed; more often if somebody has time.
fn kills() -> u64 {
    let wanted = std::env::var("REMORA_PULL_KILLS").ok().and_then(|text| text.parse().ok());
    wanted.unwrap_or(4)
}

#[test]
fn a_killed_pull_is_taken_up_and_fetches_nothing_twice() {
    is_taken_up(&Bench::with_delta());
}

#[test]
fn a_killed_pull_of_a_delta_for_hosts_is_taken_up_and_fetches_nothing_twice() {
    is_taken_up(&Bench::with_delta_of("remora"));
}

#[test]
fn a_killed_apply_is_taken_up_and_fetches_nothing_twice() {
    let bench = Bench::with_delta_of("remora");
    bench.pull("1", "--to oci:images:1");
    let line = format!("apply oci:images:1 {} --output oci:images:2", bench.app("for-hosts"));
    bench.link.pace(SLOW);
    bench.link.take_received();
    for number in 0..kills() {
        let mut run = bench.command(&line).spawn().expect("remora runs");
        std::thread::sleep(Duration::from_millis(250 + 130 * (number % 7)));
        let _ = run.kill();
        run.wait().expect("it ended");
    }
    bench.link.pace(0);
    bench.succeed(&line);
    let received = bench.link.take_received();
    let bound = DELTA_BYTES + (kills() + 1) * TALK_BYTES + kills() * IN_FLIGHT_BYTES;
    assert!(received <= bound, "{received} bytes over the link, at most {bound}");
    assert_eq!(names(&bench.path("store/partial")), [""; 0]);
}

#[test]
fn an_apply_that_ends_early_keeps_blobs_of_layers_that_it_had_rebuilt() {
    let bench = Bench::new();
    bench.push("3", &release_3().build());
    bench.create_delta("1", "3", "for-hosts", "--format remora");
    bench.pull("1", "--to oci:images:1");
    let line = format!("apply oci:images:1 {} --output oci:images:3", bench.app("for-hosts"));
    bench.link.take_received();
    // The lower layer's blob is through, the upper's is not.
    bench.link.break_after(RELEASE_3_BOTTOM + 200_000);
    let ran = bench.run(&format!("{line} --retries 0"));
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(names(&bench.path("store/partial")).len(), 2);
    bench.succeed(&line);
    let received = bench.link.take_received();
    let bound = RELEASE_3_BOTTOM + DELTA_BYTES + 2 * TALK_BYTES;
    assert!(received <= bound, "{received} bytes over the link, at most {bound}");
    assert_eq!(names(&bench.path("store/partial")), [""; 0]);
}

#[test]
fn a_blob_whose_layer_was_kept_just_before_a_kill_goes_with_the_next_pull() {
    let bench = Bench::with_delta_of("remora");
    bench.pull("1", "");
    bench.link.go_away_after(300_000);
    bench.run(&format!("pull {} --retries 0", bench.app("2")));
    bench.link.come_back();
    let left = names(&bench.path("store/partial"));
    let kept: Vec<_> = left.iter().map(|name| bench.path("store/partial").join(name)).collect();
    let bytes: Vec<_> = kept.iter().map(|path| fs::read(path).expect("there")).collect();
    assert!(!kept.is_empty());
    bench.pull("2", "");
    // What a run leaves that is killed between keeping a layer and forgetting its blob.
    kept.iter().zip(bytes).for_each(|(path, bytes)| fs::write(path, bytes).expect("written"));
    bench.pull("2", "");
    assert_eq!(names(&bench.path("store/partial")), [""; 0]);
}

fn is_taken_up(bench: &Bench) {
    for (tag, options) in [("1", "--no-delta"), ("2", "")] {
        bench.link.pace(SLOW);
        bench.link.take_received();
        let kills = kills();
        for number in 0..kills {
            let mut run = bench.command(&format!("pull {} {options}", bench.app(tag)));
            let mut run = run.spawn().expect("remora runs");
            std::thread::sleep(Duration::from_millis(250 + 130 * (number % 7)));
            let _ = run.kill();
            run.wait().expect("it ended");
        }
        bench.link.pace(0);
        let ran = bench.succeed(&format!("pull {} {options} --json", bench.app(tag)));
        let (answer, received) = (ran.json(), bench.link.take_received());
        let once = if tag == "1" { RELEASE_BYTES } else { DELTA_BYTES };
        let bound = once + (kills + 1) * TALK_BYTES + kills * IN_FLIGHT_BYTES;
        assert!(received <= bound, "{received} bytes over the link, at most {bound}: {answer:#}");
    }
    let answer = bench.succeed("images --json").json();
    assert_eq!(answer["images"][1]["id"], id(&release_2().build()).as_str());
    assert_eq!(names(&bench.path("store/partial")), [""; 0]);
    bench.succeed("store verify");
}

#[test]
fn what_came_before_the_link_broke_does_not_come_again() {
    let bench = Bench::new();
    bench.link.break_after(1_000_000);
    let ran = bench.run(&format!("pull {} --retries 0", bench.app("2")));
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let kept: u64 = names(&bench.path("store/partial")).iter().map(|name| size(&bench, name)).sum();
    assert!(kept > 100_000, "{kept} bytes were kept");
    let (answer, received) = bench.pull("2", "");
    assert_eq!(answer["resumed_bytes"], kept);
    assert!(received + kept < 2_500_000, "{received} bytes over the link");
    assert_eq!(names(&bench.path("store/partial")), [""; 0]);
}

/// What the store calls what it keeps of the blob of layer number `index` of `image`.
fn kept_name(image: &ImageContents, index: usize) -> String {
    let config = parse_config(&image.config).expect("a config");
    format!("{}-{}", image.layers[index].digest.hex(), config.diff_ids()[index].0.hex())
}

fn size(bench: &Bench, name: &str) -> u64 {
    fs::metadata(bench.path("store/partial").join(name)).expect("there").len()
}

#[test]
fn garbage_that_a_power_cut_left_is_fetched_again() {
    for garbage in [vec![0; 500_000], b"\x1f\x8b".to_vec(), vec![7; 5_000_000]] {
        let bench = Bench::new();
        bench.link.break_after(1_000_000);
        bench.run(&format!("pull {} --retries 0", bench.app("2")));
        let left = names(&bench.path("store/partial"));
        assert!(!left.is_empty());
        for name in &left {
            fs::write(bench.path("store/partial").join(name), &garbage).expect("written");
        }
        let (answer, _) = bench.pull("2", "");
        assert_eq!(answer["id"], id(&release_2().build()).as_str());
        assert_eq!(names(&bench.path("store/partial")), [""; 0]);
    }
}

#[test]
fn collection_takes_what_an_interrupted_pull_left() {
    let bench = Bench::new();
    bench.link.break_after(1_000_000);
    bench.run(&format!("pull {} --retries 0", bench.app("2")));
    assert!(!names(&bench.path("store/partial")).is_empty());
    let kept = bench.succeed("store info --json").json()["partial_bytes"].as_u64();
    assert!(kept > Some(100_000), "{kept:?}");
    // Somebody may yet go on: what is young stays.
    assert_eq!(bench.succeed("store gc --json").json()["leftover_bytes"], 0);
    let planned = bench.succeed("store gc --older-than 0s --dry-run --json").json();
    assert_eq!(planned["leftover_bytes"].as_u64(), kept);
    let answer = bench.succeed("store gc --older-than 0s --json").json();
    assert_eq!(answer["leftover_bytes"].as_u64(), kept);
    assert_eq!(names(&bench.path("store/partial")), [""; 0]);
}

#[test]
fn what_is_here_of_a_blob_counts_when_ways_are_compared() {
    let bench = Bench::with_delta();
    bench.pull("1", "");
    bench.link.break_after(1_600_000);
    bench.run(&format!("pull {} --no-delta --retries 0", bench.app("2")));
    // Of the layer less is to come than its delta has.
    let (planned, _) = bench.pull("2", "--dry-run");
    assert_eq!(planned["way"], "layers", "{planned:#}");
    let (answer, received) = bench.pull("2", "");
    assert_eq!((&answer["way"], &answer["fetched_bytes"]), (&"layers".into(), &planned["bytes"]));
    assert!(received < 600_000, "{received} bytes over the link");
}

#[test]
fn a_server_that_cannot_begin_in_the_middle_is_asked_for_all() {
    let bench = Bench::new();
    let sample = SampleImage::new(Style::Docker, "x");
    let whole = ScriptedServer::with_image(&sample, |request| {
        let wants_rest = request.header("range").is_some();
        wants_rest.then(|| Reply::status(501))
    });
    let target = format!("{}/app:1", whole.address());
    let folder = bench.path("store/partial");
    bench.succeed("store info");
    fs::create_dir_all(&folder).expect("made");
    fs::write(folder.join(kept_name(&sample.contents, 0)), &sample.blob(0)[..1000])
        .expect("written");
    bench.succeed(&format!("pull {target} --retries 0"));
    assert_eq!(names(&folder), [""; 0]);
}

#[test]
fn what_is_kept_of_blobs_is_no_condition() {
    for obstacle in ["folder", "link", "file of partials"] {
        let bench = Bench::new();
        bench.succeed("store info");
        let folder = bench.path("store/partial");
        let release = release_2().build();
        match obstacle {
            "file of partials" => fs::write(&folder, "x").expect("written"),
            obstacle => {
                fs::create_dir_all(&folder).expect("made");
                for index in 0..release.layers.len() {
                    let path = folder.join(kept_name(&release, index));
                    match obstacle {
                        "folder" => fs::create_dir_all(path.join("x")).expect("made"),
                        _ => std::os::unix::fs::symlink("/dev/zero", path).expect("linked"),
                    }
                }
            }
        }
        let (answer, _) = bench.pull("2", "");
        assert_eq!(answer["id"], id(&release_2().build()).as_str(), "{obstacle}");
    }
}

#[test]
fn a_disk_with_room_for_the_layers_alone_is_enough() {
    let bench = Bench::new();
    let small = bench.path("small");
    fs::create_dir(&small).expect("made");
    let size = "size=3200k";
    let path = small.to_str().expect("text");
    run("mount", &["-t", "tmpfs", "-o", size, "tmpfs", path]);
    let ran = bench.run(&format!("pull {} --store small/store", bench.app("2")));
    run("umount", &[path]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn two_pulls_at_once_share_what_they_fetch() {
    let bench = Bench::with_delta();
    bench.link.take_received();
    let line = format!("pull {}", bench.app("1"));
    let runs: Vec<_> = (0..2).map(|_| bench.command(&line).spawn().expect("runs")).collect();
    for run in runs {
        let output = run.wait_with_output().expect("it ended");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let received = bench.link.take_received();
    assert!(received < 2_500_000 + TALK_BYTES, "{received} bytes over the link");
}
