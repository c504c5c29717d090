//! With what the commands end that find or do only a part.

use serde_json::json;

use super::super::sandbox::Ran;
use super::{Images, SLUG, Scene};
use crate::installation::{Fault, Installation};

fn with_lost(installation: &Installation, images: Images) -> Images {
    images.with_lost(installation)
}

fn assert_fails(ran: &Ran, code: i32, message: &str) {
    assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    assert!(ran.stderr.contains(message), "{}", ran.stderr);
}

#[test]
fn what_names_no_update_is_wrong_usage() {
    let scene = Scene::new();
    let rows = &scene.installation.api.openbalena;
    let other = rows.fleet("org/other");
    let elsewhere = rows.release(other, &"a".repeat(40)).add();
    let from = scene.from;
    for (arguments, message) in [
        (format!("diff {from}"), "Must specify both a source and a target release"),
        (format!("diff {from} 4711"), "Release not found: \"4711\""),
        (format!("diff {from} aaaaaaaa"), "\"aaaaaaaa\" is ambiguous"),
        (
            format!("diff {from} {elsewhere}"),
            "Source and target release must be from the same application",
        ),
        ("fleet org/none".to_owned(), "fleet not found: \"org/none\""),
        ("prepare".to_owned(), "neither two releases nor a fleet are named"),
        (format!("prepare --fleet {SLUG} {from}"), "cannot be used with"),
        (format!("prepare {from} {from} --timeout soon"), "invalid value 'soon'"),
        (format!("diff : {from}"), "invalid value ':'"),
    ] {
        assert_fails(&scene.run(&arguments), 2, message);
    }
}

#[test]
fn nobody_is_asked_without_a_login() {
    let scene = Scene::new();
    let rows = &scene.installation.api.openbalena;
    let asked = rows.count();
    let alone = scene.sandbox.run("release diff 1 2");
    assert_fails(&alone, 2, "not logged in to openBalena");
    assert!(alone.stderr.contains("balena login"), "{}", alone.stderr);
    std::fs::write(scene.sandbox.path("key"), rows.session_token("ann", -60)).expect("written");
    assert_fails(&scene.run("diff 1 2"), 2, "the session with openBalena has ended");
    assert_eq!(rows.count(), asked);
    std::fs::write(scene.sandbox.path("key"), "no-key-of-anybody").expect("written");
    assert_fails(&scene.run("diff 1 2"), 2, "does not accept the token");
}

#[test]
fn a_delta_server_that_is_away_is_the_surroundings_fault() {
    let mut scene = Scene::new();
    scene.server.kill();
    let ran = scene.run(&format!("diff {} --json", scene.releases()));
    assert_fails(&ran, 3, "error: ");
    assert_eq!(ran.json()["error"]["code"], "unreachable");
}

#[test]
fn at_a_time_out_stdout_has_the_update_as_it_stands() {
    let scene = Scene::new();
    scene.installation.proxy.set(Fault::HoldLayers);
    let message = "timeout: not ready after 2 s: 2 of 4 services";
    let ran = scene.run(&format!("prepare {} --timeout 2 --finalize --json", scene.releases()));
    assert_fails(&ran, 3, message);
    let answer = ran.json();
    assert_eq!(answer["overall_status"], "preparing");
    assert_eq!((&answer["timed_out"], &answer["finalized"]), (&json!(true), &json!(false)));
    assert_eq!(answer["error"]["code"], "timeout");
    assert_eq!(
        (&answer["error"]["message"], &answer["error"]["retry"]),
        (&json!(message), &json!(true))
    );
    let standing = scene.installation.api.openbalena.standing(scene.to);
    assert!(!standing.is_final);

    scene.add_devices();
    let fleet = format!("prepare --fleet {SLUG} --to {} --timeout 1s", scene.to);
    let ran = scene.run(&fleet);
    assert_fails(&ran, 3, "timeout: not ready after 1 s: 4 of 8 pairs of service and release");
    assert!(ran.text().contains("over the air now:"), "{}", ran.text());
    scene.installation.proxy.set(Fault::None);
}

#[test]
fn a_delta_that_cannot_be_made_keeps_the_release_back_unless_told_otherwise() {
    let scene = Scene::with(&[], with_lost);
    let rows = &scene.installation.api.openbalena;
    let prepare = format!("prepare {} --timeout 10m", scene.releases());
    let ran = scene.run(&format!("{prepare} --finalize"));
    assert_fails(&ran, 4, "1 delta cannot be made, of 5 services");
    assert!(ran.stderr.contains("--finalize=always"), "{}", ran.stderr);
    assert!(ran.text().contains("failed: lost: "), "{}", ran.text());
    assert!(!rows.standing(scene.to).is_final);

    assert_eq!(scene.run(&format!("diff {}", scene.releases())).code, Some(0));
    let ran = scene.run(&format!("{prepare} --finalize=always --json"));
    assert_fails(&ran, 4, "1 delta cannot be made, of 5 services");
    let answer = ran.json();
    assert_eq!((&answer["overall_status"], &answer["finalized"]), (&json!("failed"), &json!(true)));
    assert_eq!(answer["error"]["kind"], "content");
    assert!(rows.standing(scene.to).is_final);
}
