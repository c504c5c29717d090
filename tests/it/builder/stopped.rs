//! Builders that stop or are killed in a build: nothing is left that says that it goes on.

use ring::rand::{SecureRandom as _, SystemRandom};

use super::projects::{data, steps};
use super::scene::{Scene, until};
use crate::openbalena::WriteFault;

/// How often a builder is killed where nobody says so with `REMORA_BUILDER_KILLS`.
const KILLS: usize = 6;
/// A push of the project here writes as many rows, and asks for some more.
const REQUESTS: u64 = 30;

/// A number below `end`.
pub(super) fn any(end: u64) -> u64 {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).expect("random numbers");
    u64::from_le_bytes(bytes) % end
}

fn kills() -> usize {
    let told = std::env::var("REMORA_BUILDER_KILLS");
    told.map_or(KILLS, |told| told.parse().expect("REMORA_BUILDER_KILLS is a number"))
}

#[test]
fn a_builder_that_is_killed_at_any_moment_leaves_no_open_row() {
    let mut scene = Scene::new();
    for number in 0..kills() {
        let pushers = || {
            let requests = scene.installation.api.server.requests();
            requests.iter().filter(|request| request.path.contains("whoami")).count()
        };
        let before = pushers();
        let pending = scene.begin(data(number as u64, "killed"));
        until("the push is there", || pushers() > before);
        let (asked, after) = (scene.rows().count(), any(REQUESTS) as usize);
        let ends = || scene.builder.log().matches("a build ended").count() > 0;
        until("the moment comes", || scene.rows().count() >= asked + after || ends());
        scene.builder.kill();
        let answer = pending.answer();
        scene.start_again();
        let is_open = || {
            let statuses = scene.rows().release_statuses(scene.fleet);
            statuses.contains_key("running")
        };
        until("what was open is closed", || !is_open());
        for release in scene.rows().releases_of(scene.fleet) {
            let images = scene.rows().image_statuses(release);
            assert_eq!(images.get("running"), None, "after {after} requests: {answer:?}");
        }
        until("no image is left", || scene.rows().running_images(scene.fleet) == 0);
        scene.pushed(data(number as u64, "and again"));
    }
}

#[test]
fn an_image_that_is_part_of_no_release_yet_is_closed_too() {
    let mut scene = Scene::new();
    let part = "POST /v7/image__is_part_of__release";
    scene.rows().fail_writes(part, 0, 1, WriteFault::Gone);
    let pending = scene.begin(data(1, ""));
    let release = pending.release();
    until("the write is tried again", || scene.builder.log().contains("written to again"));
    scene.builder.kill();
    assert_eq!(pending.answer().exit_code(), 1);
    scene.rows().set_gone(false);
    assert_eq!(scene.rows().running_images(scene.fleet), 1);
    assert!(scene.rows().images_of(release).is_empty());
    scene.start_again();
    scene.ends(release, "failed");
    until("no image is left", || scene.rows().running_images(scene.fleet) == 0);
}

#[test]
fn without_a_key_the_next_push_closes_what_a_killed_builder_left() {
    let mut scene = Scene::with(&[("REMORA_API_KEY_FILE", "")]);
    let pending = scene.begin(steps("RUN echo step-$((40+2)); sleep 600"));
    let release = pending.release();
    pending.until("step-42");
    scene.builder.kill();
    assert_eq!(pending.answer().exit_code(), 1);
    scene.start_again();
    assert_eq!(scene.status(release), "running");
    scene.pushed(data(1, ""));
    scene.assert_ended(release, "failed");
}

#[test]
fn a_builder_that_is_stopped_tells_those_who_wait_and_closes_their_rows() {
    let mut scene = Scene::with(&[("REMORA_STOP_WITHIN", "5s")]);
    let pending = scene.begin(steps("RUN echo step-$((40+2)); sleep 600"));
    let release = pending.release();
    pending.until("step-42");
    scene.builder.terminate();
    let answer = pending.answer();
    assert!(answer.is_complete() && answer.exit_code() == 1, "{answer:?}");
    let last = answer.elements.last().expect("an outcome");
    assert_eq!(last["isError"], true);
    assert!(answer.errors()[0].contains("the builder was stopped"), "{answer:?}");
    let (status, log) = scene.builder.wait();
    assert!(status.success(), "{status}: {log}");
    scene.assert_ended(release, "failed");
    scene.start_again();
    scene.pushed(data(1, ""));
}
