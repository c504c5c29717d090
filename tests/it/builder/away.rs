//! Parts of an installation that are away in the middle of a build.

use std::sync::Arc;

use super::projects::{data, steps};
use super::scene::{Scene, until};
use crate::installation::Fault;
use crate::openbalena::WriteFault;

/// One write of each kind that a push does.
const WRITES: [(&str, usize); 8] = [
    ("POST /v7/release", 0),
    ("POST /v7/service", 0),
    ("POST /v7/image", 0),
    ("POST /v7/image__is_part_of__release", 0),
    ("POST /v7/image_label", 2),
    ("PATCH /v7/image(", 0),
    ("PATCH /v7/release(", 0),
    ("PATCH /v7/release(", 0),
];

#[test]
fn each_row_is_written_once_whatever_becomes_of_the_first_try() {
    for fault in [WriteFault::AnswerLost, WriteFault::Status(500), WriteFault::Status(429)] {
        let scene = Scene::new();
        for (write, before) in WRITES {
            scene.rows().fail_writes(write, before, 1, fault);
        }
        let release = scene.pushed(data(1, ""));
        assert_eq!(scene.release(), release, "{fault:?}");
        assert_eq!(scene.rows().services_of(scene.fleet), ["main"]);
        assert_eq!(scene.rows().images_of(release).len(), 1, "{fault:?}");
        assert_eq!(scene.rows().image_labels(release, "main").len(), 5, "{fault:?}");
        scene.assert_ended(release, "success");
        assert!(scene.rows().standing(release).is_final, "{fault:?}");
    }
}

#[test]
fn an_api_that_goes_in_a_build_is_waited_for() {
    let scene = Scene::new();
    for (write, before) in [("POST /v7/image_label", 1), ("PATCH /v7/image(", 0)] {
        scene.rows().fail_writes(write, before, 1, WriteFault::Gone);
        let tried = || scene.builder.log().matches("written to again").count();
        let before = tried();
        let pending = scene.begin(data(1, write));
        let release = pending.release();
        until("the write is tried again", || tried() > before);
        scene.rows().set_gone(false);
        let answer = pending.answer();
        assert!(answer.is_complete() && answer.exit_code() == 0, "{answer:?}");
        scene.assert_ended(release, "success");
    }
}

#[test]
fn a_registry_that_is_away_or_refuses_fails_the_release_and_not_the_next() {
    let scene = Scene::new();
    for fault in [Fault::RefusePushes(403), Fault::Down] {
        scene.installation.proxy.set(fault);
        let told = scene.failed(data(1, ""));
        assert!(told.contains(&scene.installation.registry_host()), "{told}");
        scene.installation.proxy.set(Fault::None);
    }
    for release in scene.rows().releases_of(scene.fleet) {
        scene.assert_ended(release, "failed");
        assert_eq!(scene.image(release, "main")["status"], "failed");
    }
    scene.pushed(data(1, ""));
}

#[test]
fn a_delta_server_that_is_away_or_too_slow_keeps_no_release_back() {
    let mut scene = Scene::with(&[("REMORA_DELTA_WAIT", "2s")]);
    scene.pushed(data(4, "first"));
    scene.installation.proxy.set(Fault::HoldLayers);
    let slow = scene.push(data(4, "second"));
    scene.installation.proxy.set(Fault::None);
    assert!(slow.is_complete() && slow.exit_code() == 0, "{slow:?}");
    assert!(slow.text().contains("[Warn]"), "{slow:?}");
    assert!(scene.rows().standing(slow.release_id().expect("a release")).is_target);

    scene.deltas.kill();
    let away = scene.push(data(4, "third"));
    assert!(away.is_complete() && away.exit_code() == 0, "{away:?}");
    assert!(away.text().contains("devices may pull in full"), "{away:?}");
    assert!(scene.rows().standing(away.release_id().expect("a release")).is_target);
}

#[test]
fn an_engine_that_dies_in_a_build_fails_it_and_builds_again_when_it_is_back() {
    let mut scene = Scene::alone(&[]);
    let pending = scene.begin(steps("RUN echo step-$((40+2)); sleep 600"));
    let release = pending.release();
    pending.until("step-42");
    Arc::get_mut(&mut scene.docker).expect("nobody else's").kill();
    let answer = pending.answer();
    assert!(answer.is_complete() && answer.exit_code() == 1, "{answer:?}");
    assert!(answer.errors()[0].contains("went away"), "{answer:?}");
    scene.ends(release, "failed");
    let told = scene.failed(data(1, ""));
    assert!(told.contains("no engine can be reached"), "{told}");
    Arc::get_mut(&mut scene.docker).expect("nobody else's").start_again();
    scene.pushed(data(1, ""));
}
