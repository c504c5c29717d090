//! Builds that nobody waits for any more: they end everywhere, and their rows say so.

use super::projects::{DATA, data, steps};
use super::pushes::Push;
use super::scene::{Scene, until};
use crate::installation::Fault;

/// A build that says `step-42` in its last step, and goes on for long.
fn long() -> Push {
    steps("RUN echo step-$((40+2)); sleep 600")
}

fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

fn ended(scene: &Scene) -> usize {
    scene.builder.log().matches("a build ended").count()
}

#[test]
fn a_build_ends_with_the_connection_of_whoever_pushes() {
    let scene = Scene::alone(&[]);
    let answer = scene.push(long().dropping_at("step-42"));
    let release = answer.release_id().expect("a release");
    scene.ends(release, "cancelled");
    assert_eq!(scene.image(release, "main")["status"], "cancelled");
    until("no step runs on the engine", || scene.docker.containers() == 0);
    until("no tag stays", || scene.docker.tags().iter().all(|tag| !tag.contains("/v2/")));

    let before = scene.rows().releases_of(scene.fleet).len();
    scene.push(data(1, "").dropping_upload_after(DATA / 2));
    scene.pushed(data(1, ""));
    assert_eq!(scene.rows().releases_of(scene.fleet).len(), before + 1);
}

#[test]
fn deltas_are_not_waited_for_once_nobody_waits_for_the_release() {
    let scene = Scene::new();
    let first = scene.pushed(data(3, "first"));
    scene.installation.proxy.set(Fault::HoldLayers);
    let push = data(3, "second").dropping_at("Successfully uploaded images");
    let second = scene.push(push).release_id().expect("a release");
    until("the build ends", || ended(&scene) == 2);
    scene.installation.proxy.set(Fault::None);
    scene.assert_ended(second, &scene.status(second));
    assert!(!scene.rows().standing(second).is_final);
    assert!(scene.rows().standing(first).is_target);
}

#[test]
fn a_build_is_cancelled_by_its_release_by_whoever_may() {
    let scene = Scene::alone(&[]);
    let pending = scene.begin(long());
    let release = pending.release();
    pending.until("step-42");
    let path = format!("/v3/build/{release}");
    let delete = |path: &str, key: &str| {
        scene.builder.ask("DELETE", path, &[("Authorization", &bearer(key))]).status
    };
    scene.rows().user("bob");
    let bob = scene.rows().api_key("bob");
    assert_eq!(delete(&path, &bob), 404);
    assert_eq!(delete(&path, "wrong"), 401);
    assert_eq!(scene.builder.ask("DELETE", &path, &[]).status, 401);
    assert_eq!(delete("/v3/build/4711", &scene.key), 404);
    assert_eq!(delete("/v3/build/x", &scene.key), 404);
    assert_eq!(scene.status(release), "running");
    assert_eq!(delete(&path, &scene.key), 202);
    let answer = pending.answer();
    assert!(answer.is_complete() && answer.exit_code() == 1, "{answer:?}");
    assert!(answer.errors()[0].contains("the build was cancelled"), "{answer:?}");
    scene.ends(release, "cancelled");
    until("no step runs on the engine", || scene.docker.containers() == 0);
    assert_eq!(delete(&path, &scene.key), 404);
}

#[test]
fn a_detached_push_is_answered_when_its_rows_are_there_and_built_without_anybody() {
    let scene = Scene::new();
    let answer = scene.push(Push::recorded("detached"));
    let started = answer.started().expect("an object");
    assert_eq!((answer.exit_code(), &started["started"]), (0, &true.into()), "{answer:?}");
    let release = started["releaseId"].as_u64().expect("a number");
    scene.ends(release, "success");
    until("the release is final", || scene.rows().standing(release).is_final);

    let answer = scene.push(Push::of(&[("a", b"a")]).parameter("headless", "true"));
    let started = answer.started().expect("an object");
    assert_eq!((answer.exit_code(), &started["started"]), (0, &false.into()), "{answer:?}");
    for field in ["error", "message"] {
        let told = started[field].as_str().expect("text");
        assert!(told.contains("Could not find a Dockerfile"), "{told}");
    }

    let answer = scene.push(long().parameter("headless", "true"));
    let started = answer.started().expect("an object");
    let release = started["releaseId"].as_u64().expect("a number");
    let (path, key) = (format!("/v3/build/{release}"), bearer(&scene.key));
    let answer = scene.builder.ask("DELETE", &path, &[("Authorization", &key)]);
    assert_eq!(answer.status, 202);
    scene.ends(release, "cancelled");
}
