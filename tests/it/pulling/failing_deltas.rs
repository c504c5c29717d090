//! Deltas that do not come, or not as they should: the image comes all the same.

use std::time::Duration;

use super::{Bench, DELTA_BYTES, Ran, id, names, release_2};
use crate::images::{linux, parse};
use crate::passed_on::server_before;
use crate::registry_client;
use crate::scripted_server::{Reply, ScriptedServer};

/// What becomes of a blob on its way.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Missing,
    Refused,
    Failing,
    Cut,
    Hanging,
    Damaged,
}

const FAULTS: [Fault; 6] =
    [Fault::Missing, Fault::Refused, Fault::Failing, Fault::Cut, Fault::Hanging, Fault::Damaged];

/// Longer than anybody waits.
const NEVER: Duration = Duration::from_secs(3600);

/// More than is small enough to come with a manifest.
const LARGE: u64 = 100_000;

/// The registry of `bench` with a fault in the blobs of the deltas behind `tags`.
fn faulty(bench: &Bench, tags: &[&str], fault: Fault) -> ScriptedServer {
    let blobs: Vec<String> = tags.iter().flat_map(|tag| blobs(bench, tag)).collect();
    server_before(bench.registry.address(), move |request, answer| {
        if !blobs.iter().any(|blob| request.path.ends_with(blob.as_str())) {
            return answer();
        }
        match fault {
            Fault::Missing => Reply::status(404),
            Fault::Refused => Reply::status(403),
            Fault::Failing => Reply::status(500),
            Fault::Cut => answer().cut_to(1_000),
            Fault::Damaged => answer().with_last_byte_changed(),
            Fault::Hanging => {
                std::thread::sleep(NEVER);
                Reply::hang_up()
            }
        }
    })
}

/// The large blobs of the delta behind `tag`.
fn blobs(bench: &Bench, tag: &str) -> Vec<String> {
    let (transports, _settings) = registry_client::client(1, &serde_json::json!({}));
    let delta = parse(&format!("{}/app:{tag}", bench.registry.address()));
    let delta = transports.open_any(&delta, &linux(), &remora::progress::Silent).expect("opens");
    let layers = delta.manifest().expect("a manifest").layers();
    let large = layers.iter().filter(|layer| layer.size > LARGE);
    large.map(|layer| layer.digest.to_string()).collect()
}

/// Pulls `app:TAG` from `server` with what the store has of `bench`'s registry.
fn pull(bench: &Bench, server: &ScriptedServer, tag: &str, options: &str) -> Ran {
    let target = format!("{}/app:{tag}", server.address());
    bench.run(&format!("pull {target} --retries 0 --timeout 1s --json {options}"))
}

/// How often it is told that something is done without.
fn warnings(ran: &Ran) -> usize {
    ran.stderr.matches("going on without the delta").count()
}

#[test]
fn a_delta_that_does_not_come_is_told_of_once_and_done_without() {
    for format in ["v3 --manifest oci", "remora"] {
        let bench = Bench::with_delta_of(format);
        bench.pull("1", "");
        for fault in FAULTS {
            let server = faulty(&bench, &["for-hosts"], fault);
            let ran = pull(&bench, &server, "2", "");
            assert_eq!(ran.code, Some(0), "{format}, {fault:?}: {}", ran.stderr);
            assert_eq!(warnings(&ran), 1, "{format}, {fault:?}: {}", ran.stderr);
            assert_eq!(ran.json()["way"], "layers", "{format}, {fault:?}");
            assert_eq!(ran.json()["id"], id(&release_2().build()).as_str());
            assert_eq!(names(&bench.path("store/partial")), [""; 0]);
            bench.succeed(&format!("rmi {}/app:2", server.address()));
        }
    }
}

#[test]
fn the_next_delta_is_taken_if_the_cheapest_does_not_come() {
    let bench = Bench::with_delta();
    bench.create_delta("1", "2", "for-hosts", "--format remora");
    bench.pull("1", "");
    for fault in [Fault::Missing, Fault::Cut, Fault::Hanging] {
        let server = faulty(&bench, &["for-hosts"], fault);
        let ran = pull(&bench, &server, "2", "");
        assert_eq!((ran.code, warnings(&ran)), (Some(0), 1), "{fault:?}: {}", ran.stderr);
        assert_eq!(ran.json()["way"], "delta", "{fault:?}: {}", ran.stderr);
        bench.succeed(&format!("rmi {}/app:2", server.address()));
    }
}

#[test]
fn after_three_deltas_in_vain_the_layers_come_as_they_are() {
    let bench = Bench::with_delta();
    let tags = ["from-1", "a", "b", "c"];
    for (tag, options) in [
        ("a", "--format remora"),
        ("b", "--format oci-delta"),
        ("c", "--manifest oci --compression bzip2"),
    ] {
        bench.create_delta("1", "2", tag, options);
    }
    bench.pull("1", "");
    let server = faulty(&bench, &tags, Fault::Missing);
    let ran = pull(&bench, &server, "2", "");
    assert_eq!((ran.code, warnings(&ran)), (Some(0), 3), "{}", ran.stderr);
    assert_eq!(ran.json()["way"], "layers");
}

#[test]
fn a_delta_that_was_named_and_does_not_come_is_an_error_with_a_remedy() {
    let bench = Bench::with_delta_of("remora");
    bench.pull("1", "");
    for (fault, code, remedy) in [
        (Fault::Missing, 3, "pull the image that it makes"),
        (Fault::Damaged, 4, "pull the image that it makes"),
        (Fault::Hanging, 3, "check the registry's name and the network"),
    ] {
        let server = faulty(&bench, &["for-hosts"], fault);
        let ran = pull(&bench, &server, "for-hosts", "--as app:2");
        assert_eq!((ran.code, warnings(&ran)), (Some(code), 0), "{fault:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("can't be used"), "{fault:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(remedy), "{fault:?}: {}", ran.stderr);
    }
}

#[test]
fn a_delta_that_broke_off_is_taken_up_before_it_is_given_up() {
    let bench = Bench::with_delta_of("remora");
    bench.pull("1", "");
    bench.link.take_received();
    bench.link.break_after(300_000);
    let ran = bench.succeed(&format!("pull {} --retries 0 --json", bench.app("2")));
    assert!(ran.stderr.contains("taking up the delta"), "{}", ran.stderr);
    assert_eq!((&ran.json()["way"], warnings(&ran)), (&"delta".into(), 0), "{}", ran.stderr);
    let received = bench.link.take_received();
    assert!(received < DELTA_BYTES + 2 * super::TALK_BYTES, "{received} bytes over the link");
}

#[test]
fn a_registry_that_goes_away_ends_the_pull_and_the_next_one_goes_on_with_the_delta() {
    let bench = Bench::with_delta_of("remora");
    bench.pull("1", "");
    bench.link.go_away_after(300_000);
    let ran = bench.run(&format!("pull {} --retries 0", bench.app("2")));
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    bench.link.come_back();
    let (answer, _) = bench.pull("2", "");
    assert_eq!(answer["way"], "delta");
    assert!(answer["resumed_bytes"].as_u64() > Some(0), "{answer:#}");
}
