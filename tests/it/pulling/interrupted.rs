//! Runs that are cut off: the next one goes on, and fetches nothing twice that it had.

use std::fs;
use std::time::Duration;

use super::{Bench, TALK_BYTES, id, names, release_2};

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
    let bench = Bench::with_delta();
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
    assert!(kept > 800_000, "{kept} bytes were kept");
    let (answer, received) = bench.pull("2", "");
    assert_eq!(answer["resumed_bytes"], kept);
    assert!(received + kept < 2_500_000, "{received} bytes over the link");
    assert_eq!(names(&bench.path("store/partial")), [""; 0]);
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
    let answer = bench.succeed("store gc --json").json();
    assert!(answer["leftover_bytes"].as_u64().expect("a number") > 800_000);
    assert_eq!(names(&bench.path("store/partial")), [""; 0]);
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
