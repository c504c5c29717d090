//! Pushes that are refused: with a status whose reason phrase the CLI shows, and without a row.

use std::fs;

use super::projects::{DATA, data, steps};
use super::push_answers::Answer;
use super::pushes::{Push, gzip};
use super::scene::Scene;
use crate::sample_image::{noise, tar};

/// A refusal with this status whose reason, which is all that the CLI shows, has a word.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, word: &str) {
    assert_eq!((answer.status, answer.exit_code()), (status, 1), "{answer:?}");
    assert!(answer.reason.contains(word), "{word}: {}", answer.reason);
}

/// Nothing of what was pushed is there.
#[track_caller]
fn assert_nothing(scene: &Scene) {
    assert_eq!(scene.rows().writes(), 0);
    let folder = scene.installation.path("builder");
    let files = fs::read_dir(folder).expect("a folder").flatten().map(|file| file.file_name());
    let projects = files.filter(|name| !["open", "lock"].iter().any(|known| name == known));
    assert_eq!(projects.count(), 0);
    assert_eq!(fs::read_dir(scene.installation.path("builder/open")).expect("a folder").count(), 0);
}

#[test]
fn whoever_may_not_push_is_told_so_before_the_project_is_read() {
    let scene = Scene::new();
    let builder = scene.builder.address();
    let push = || data(1, "").stalling_upload_after(10);
    assert_refused(&push().send(&builder, "wrong"), 401, "token");
    assert_refused(&push().without_header("authorization").send(&builder, ""), 401, "Log in");
    let expired = scene.rows().session_token(crate::openbalena::USER, -60);
    assert_refused(&push().send(&builder, &expired), 401, "");
    let device = scene.rows().device_key();
    let answer = push().send(&builder, &device);
    assert!([401, 403].contains(&answer.status), "{answer:?}");

    let unknown = scene.push(push().parameter("slug", "org/other"));
    assert_refused(&unknown, 404, "There is no fleet \"org/other\"");
    scene.rows().user("bob");
    let bob = scene.rows().api_key("bob");
    assert_refused(&push().send(&builder, &bob), 404, "There is no fleet");
    assert_refused(&scene.push(push().parameter("slug", "org/f'leet")), 400, "slug");
    assert_refused(&scene.push(push().without_parameter("slug")), 400, "slug");
    assert_refused(&scene.push(push().parameter("isdraft", "maybe")), 400, "isdraft");
    assert_nothing(&scene);
}

#[test]
fn a_user_with_too_many_pushes_is_told_to_wait() {
    let scene = Scene::with(&[("REMORA_USER_PUSHES", "1")]);
    let pending = scene.begin(steps("RUN echo step-$((40+2)); sleep 600"));
    let release = pending.release();
    pending.until("step-42");
    assert_refused(&scene.push(data(1, "").stalling_upload_after(10)), 429, "1 pushes going on");
    scene.rows().user("bob");
    assert_refused(
        &data(1, "").send(&scene.builder.address(), &scene.rows().api_key("bob")),
        404,
        "",
    );
    let (path, key) = (format!("/v3/build/{release}"), format!("Bearer {}", scene.key));
    assert_eq!(scene.builder.ask("DELETE", &path, &[("Authorization", &key)]).status, 202);
    assert_eq!(pending.answer().exit_code(), 1);
    super::scene::until("the place is free", || scene.push(data(1, "")).status == 200);
}

#[test]
fn an_api_that_is_away_is_named() {
    let scene = Scene::new();
    scene.rows().set_gone(true);
    let answer = scene.push(data(1, ""));
    assert!(answer.status >= 500, "{answer:?}");
    assert!(!answer.reason.is_empty() && answer.reason != "Service Unavailable", "{answer:?}");
    scene.rows().set_gone(false);
    scene.pushed(data(1, ""));
}

#[test]
fn too_large_and_damaged_projects_are_refused_with_the_reason() {
    let limits = [("REMORA_PROJECT_PACKED", "60kB"), ("REMORA_PROJECT_UNPACKED", "80kB")];
    let scene = Scene::with(&limits);
    assert_refused(&scene.push(data(1, "")), 413, "60000 bytes as it is sent");
    let bomb = Push::of_bytes(gzip(&vec![0; 50_000_000]));
    assert_refused(&scene.push(bomb), 413, "80000 bytes");
    let packed = gzip(&tar("Dockerfile", &noise(1, 20_000)));
    let cut = Push::of_bytes(packed[..packed.len() - 100].to_vec());
    assert_refused(&scene.push(cut), 400, "gzip stream is damaged");
    let mut flipped = packed.clone();
    flipped[5000] ^= 0x55;
    assert_refused(&scene.push(Push::of_bytes(flipped)), 400, "gzip stream is damaged");
    assert_refused(&scene.push(Push::of_bytes(Vec::new())), 400, "empty");
    assert_nothing(&scene);
    let told = scene.failed(Push::of_bytes(gzip(&noise(1, 5000))));
    assert!(told.contains("not a tar"), "{told}");
    assert_nothing(&scene);
}

#[test]
fn an_upload_that_stalls_is_ended_and_one_that_breaks_off_forgotten() {
    let scene = Scene::with(&[("REMORA_PROJECT_SILENCE", "1s")]);
    let stalled = scene.push(data(1, "").stalling_upload_after(DATA / 2));
    assert_refused(&stalled, 408, "Nothing came of the project for 1 s");
    let dropped = scene.push(data(1, "").dropping_upload_after(DATA / 2));
    assert_ne!(dropped.exit_code(), 0);
    super::scene::until("the broken upload is forgotten", || {
        scene.builder.ask("GET", "/metrics", &[]).text().contains("remora_builder_running 0")
    });
    assert_nothing(&scene);
}

#[test]
fn a_project_that_is_not_packed_is_taken_too() {
    let scene = Scene::new();
    let plain = tar("Dockerfile", b"FROM scratch\nCOPY Dockerfile /\n");
    for encoding in ["gzip", "identity"] {
        let push = Push::of_bytes(plain.clone()).header("content-encoding", encoding);
        scene.pushed(push);
    }
    scene.pushed(Push::of_bytes(plain).without_header("content-encoding"));
}
