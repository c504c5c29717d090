//! A registry that goes wrong. Devices see nothing of that but 504.

use std::time::{Duration, Instant};

use super::{SEEN_LIFE, SIZE, Scene, ask_on, assert_applies};
use crate::installation::{Fault, Pair, Pushed};

const QUICK: (&str, &str) = ("REMORA_LONG_POLL", "1s");

#[test]
fn while_the_registry_is_away_devices_are_told_504() {
    for fault in
        [Fault::Down, Fault::Status(500), Fault::Status(503), Fault::Status(429), Fault::Stall]
    {
        let scene = Scene::new(&[QUICK]);
        scene.fault(fault);
        for version in [3, 2] {
            let answer = scene.ask(version);
            assert_eq!(answer.status, 504, "{fault:?}: {}", answer.text());
        }
        scene.fault(Fault::None);
        assert_applies(&scene.installation, &scene.ask_on(3).name(), &scene.base, &scene.target);
    }
}

#[test]
fn a_delta_that_is_ready_is_not_named_while_the_registry_cannot_say_that_it_is_there() {
    let scene = Scene::new(&[QUICK]);
    let name = scene.ask_on(3).name();
    for fault in [Fault::Down, Fault::Status(502), Fault::Stall] {
        scene.fault(fault);
        std::thread::sleep(SEEN_LIFE);
        assert_eq!(scene.ask(3).status, 504, "{fault:?}");
    }
    scene.fault(Fault::None);
    assert_eq!(scene.ask_on(3).name(), name);
}

#[test]
fn a_registry_that_goes_down_in_the_middle_delays_every_job_and_fails_none() {
    let scene = Scene::new(&[QUICK]);
    let mut pairs = vec![(scene.base.clone(), scene.target.clone())];
    pairs.extend((1..5).map(|number| {
        scene.installation.push_pair(number, &Pair::similar(number as u64 * 10, SIZE))
    }));
    let tokens: Vec<String> = pairs
        .iter()
        .map(|(base, target)| scene.installation.token(&[&base.repository, &target.repository]))
        .collect();
    scene.fault(Fault::HoldLayers);
    for ((base, target), token) in pairs.iter().zip(&tokens) {
        assert_eq!(scene.server.delta(3, &base.reference, &target.reference, token).status, 504);
    }
    scene.fault(Fault::Down);
    for _ in 0..3 {
        for ((base, target), token) in pairs.iter().zip(&tokens) {
            let answer = scene.server.delta(3, &base.reference, &target.reference, token);
            assert_eq!(answer.status, 504, "{}", answer.text());
        }
    }
    scene.fault(Fault::None);
    for ((base, target), token) in pairs.iter().zip(&tokens) {
        let name = ask_on(&scene.server, 3, (base, target), token).name();
        assert_applies(&scene.installation, &name, base, target);
    }
}

#[test]
fn a_build_waits_for_a_silent_registry_as_long_and_as_often_as_it_was_told() {
    for (retries, repeats) in [("0", false), ("1", true)] {
        let settings = [QUICK, ("REMORA_TIMEOUT", "1s"), ("REMORA_RETRIES", retries)];
        let scene = Scene::new(&settings);
        scene.fault(Fault::HoldLayers);
        // The job goes on to wait for the registry, and the build has given its place back.
        while !scene.server.log().contains("no sign of life for 1 s") {
            assert_eq!(scene.ask(3).status, 504);
        }
        let log = scene.server.log();
        assert_eq!(log.contains("trying again in"), repeats, "{log}");
        scene.fault(Fault::None);
        assert_applies(&scene.installation, &scene.ask_on(3).name(), &scene.base, &scene.target);
    }
}

#[test]
fn a_registry_in_trouble_is_left_alone_and_devices_fall_back_in_the_end() {
    for fault in [Fault::Down, Fault::Status(401), Fault::Status(403), Fault::Status(429)] {
        let scene = Scene::new(&[QUICK, ("REMORA_REGISTRY_PATIENCE", "4s")]);
        // By tag: what is meant has to be asked first.
        let host = scene.installation.registry_host();
        let latest = |image: &Pushed| format!("{host}/{}:latest", image.repository);
        let (base, target) = (latest(&scene.base), latest(&scene.target));
        let ask = || scene.server.delta(3, &base, &target, &scene.token).status;
        scene.fault(fault);
        let before = scene.installation.proxy.requests().len();
        let begun = Instant::now();
        let mut answers = Vec::new();
        // A device that loops.
        while begun.elapsed() < Duration::from_secs(6) {
            answers.push(ask());
            std::thread::sleep(Duration::from_millis(5));
        }
        // Held for a second each while there is hope, and then told to pull in full.
        let held = answers.iter().take_while(|status| **status == 504).count();
        assert!((2..=6).contains(&held), "{fault:?}: {answers:?}");
        assert!(answers[held..].iter().all(|status| *status == 422), "{fault:?}: {answers:?}");
        let asked = scene.installation.proxy.requests().len() - before;
        assert!(asked < 30, "{fault:?}: {asked} requests");
        scene.fault(Fault::None);
        let until = Instant::now() + Duration::from_secs(20);
        while ask() != 200 {
            assert!(Instant::now() < until, "{fault:?}:\n{}", scene.server.log());
        }
    }
}

#[test]
fn a_push_that_is_refused_fails_before_the_work_and_is_remembered() {
    for status in [400, 401, 403, 405, 413, 415] {
        let scene = Scene::new(&[QUICK]);
        scene.fault(Fault::RefusePushes(status));
        assert_eq!(scene.ask_on(3).status, 422, "{status}");
        let proxy = &scene.installation.proxy;
        assert_eq!(proxy.layer_reads(), 0, "{status}");
        let asked = proxy.count("POST /v2/");
        assert_eq!(scene.ask(3).status, 422);
        assert_eq!(proxy.count("POST /v2/"), asked, "{status}");
        // The other format is not pushed.
        assert_eq!(scene.ask_on(2).status, 302);
    }
}

#[test]
fn a_delta_that_was_seen_a_moment_ago_costs_no_request() {
    let scene = Scene::new(&[]);
    let name = scene.ask_on(3).name();
    scene.ask(3);
    let before = scene.installation.proxy.requests().len();
    let begun = Instant::now();
    for _ in 0..50 {
        assert_eq!(scene.ask(3).name(), name);
    }
    // Twice at most in three seconds: what the two tags mean, and whether the delta is there.
    let most = 3 * (1 + begun.elapsed().as_secs() as usize / 3);
    let asked = scene.installation.proxy.requests().len() - before;
    assert!(asked <= most, "{asked} requests");
}

#[test]
fn downloads_that_are_cut_go_on_where_they_ended() {
    let scene = Scene::new(&[QUICK]);
    scene.fault(Fault::CutBlobs(20_000));
    // What is small comes through; what is not comes in pieces, or when the registry is well again.
    scene.ask(3);
    scene.fault(Fault::None);
    assert_applies(&scene.installation, &scene.ask_on(3).name(), &scene.base, &scene.target);
}

#[test]
fn blobs_on_another_host_are_fetched_without_our_credentials() {
    let scene = Scene::new(&[]);
    scene.fault(Fault::RedirectBlobs);
    let name = scene.ask_on(3).name();
    assert_eq!(scene.ask_on(2).status, 302);
    let requests = scene.installation.proxy.storage.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert_eq!(request.header("authorization"), None, "{request:?}");
        assert_eq!(request.header("cookie"), None, "{request:?}");
    }
    scene.fault(Fault::None);
    assert_applies(&scene.installation, &name, &scene.base, &scene.target);
}

#[test]
fn an_image_that_lost_a_layer_to_the_registrys_clean_up_is_no_endless_job() {
    let scene = Scene::new(&[QUICK]);
    let layer = scene.target.image.contents.layers[1].digest.to_string();
    scene.installation.proxy.remove_blob(&layer);
    let answer = scene.ask_on(3);
    assert!([404, 422].contains(&answer.status), "{}: {}", answer.status, answer.text());
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn a_layer_that_the_disk_has_damaged_is_fetched_again() {
    let scene = Scene::new(&[]);
    assert_eq!(scene.ask_on(2).status, 302);
    let layers = scene.installation.path("deltas/store/layers");
    for entry in std::fs::read_dir(&layers).expect("a store") {
        let path = entry.expect("entry").path();
        let mut bytes = std::fs::read(&path).expect("readable");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        // Another file: what a process has mapped stays what it was.
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, bytes).expect("written");
    }
    assert_applies(&scene.installation, &scene.ask_on(3).name(), &scene.base, &scene.target);
    assert!(scene.server.log().contains("fetching it again"), "{}", scene.server.log());
}
