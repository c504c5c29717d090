//! A registry that goes wrong. Devices see nothing of that but 504.

use super::{SIZE, Scene, ask_on, assert_applies};
use crate::installation::{Fault, Pair};

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
