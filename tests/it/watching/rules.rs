//! Which releases are prepared, and which drafts are let out.

use super::{Scene, until};
use crate::installation::Fault;

#[test]
fn a_draft_is_let_out_when_its_deltas_are_there_and_devices_are_answered_at_once() {
    let mut scene = Scene::new();
    let before = scene.release(true);
    let server = scene.watch(&[("REMORA_WATCH_FINALIZE", "always")]);
    until("the draft that was there", &server, || scene.is_final(&before));
    let after = scene.release(true);
    until("the draft that came", &server, || scene.is_final(&after));
    for draft in [&before, &after] {
        let answer = scene.asked(&server, draft);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.name().contains(":delta-"), "{}", answer.text());
    }
    let figures = server.ask("GET", "/metrics", &[]).text();
    let line = "remora_watch_decisions_total{decision=\"finalized\"} 2";
    assert!(figures.lines().any(|it| it == line), "{figures}");
    until("the log", &server, || server.log().contains("let out"));
}

#[test]
fn a_final_release_is_prepared_and_a_draft_without_a_rule_stays_one() {
    let mut scene = Scene::new();
    let server = scene.watch(&[]);
    let (release, draft) = (scene.release(false), scene.release(true));
    for wanted in [&release, &draft] {
        // For the second one also from the first, which the device is on its way to.
        let told = |deltas| format!("release {}: {deltas} ready", wanted.release);
        let ready =
            |log: String| ["1 delta", "2 deltas"].map(told).iter().any(|told| log.contains(told));
        until("deltas", &server, || ready(server.log()));
        assert!(scene.asked(&server, wanted).name().contains(":delta-"));
    }
    assert!(!scene.is_final(&draft));
}

#[test]
fn a_draft_waits_for_its_tag() {
    let mut scene = Scene::new();
    let draft = scene.release(true);
    let server = scene.watch(&[("REMORA_WATCH_FINALIZE", "tagged")]);
    until("waits", &server, || server.log().contains("waits for the tag"));
    assert!(!scene.is_final(&draft));
    scene.installation.api.openbalena.tag(draft.release, "remora-finalize");
    until("the tag", &server, || scene.is_final(&draft));
}

#[test]
fn deltas_that_cannot_be_made_or_take_too_long_keep_no_release_back() {
    let mut scene = Scene::new();
    let api = &scene.installation.api.openbalena;
    let missing = format!("{}/v2/{}", scene.installation.registry_host(), "e".repeat(32));
    let digest = format!("sha256:{}", "0".repeat(64));
    let draft = api.release(scene.fleet, &"f".repeat(40)).draft();
    let failing = draft.image("web", &missing, Some(&digest), 1).add();
    let settings = [("REMORA_WATCH_FINALIZE", "always"), ("REMORA_WATCH_PATIENCE", "1s")];
    let server = scene.watch(&settings);
    until("failed", &server, || scene.installation.api.openbalena.standing(failing).is_final);
    scene.installation.proxy.set(Fault::HoldLayers);
    let slow = scene.release(true);
    until("overdue", &server, || scene.is_final(&slow));
    until("the log", &server, || server.log().contains("not ready in time"));
    scene.installation.proxy.set(Fault::None);
}

#[test]
fn a_release_that_turns_bad_meanwhile_is_left_alone() {
    let mut scene = Scene::new();
    scene.installation.proxy.set(Fault::HoldLayers);
    let server = scene.watch(&[("REMORA_WATCH_FINALIZE", "always")]);
    let draft = scene.release(true);
    until("asked", &server, || server.log().contains("asked for 1 delta"));
    scene.installation.api.openbalena.invalidate(draft.release);
    scene.installation.proxy.set(Fault::None);
    until("dropped", &server, || server.log().contains("no good release"));
    assert!(!scene.is_final(&draft));
}

#[test]
fn an_api_that_is_away_for_a_while_is_waited_for() {
    let mut scene = Scene::new();
    let server = scene.watch(&[("REMORA_WATCH_FINALIZE", "always")]);
    scene.installation.api.openbalena.set_gone(true);
    until("asks again", &server, || server.log().contains("asked again"));
    scene.installation.api.openbalena.set_gone(false);
    scene.installation.api.openbalena.refuse_next(2, 1);
    let draft = scene.release(true);
    until("the draft", &server, || scene.is_final(&draft));
}

#[test]
fn a_key_that_the_api_does_not_take_is_told_and_may_be_mended() {
    let mut scene = Scene::new();
    let key = scene.installation.api.openbalena.api_key(crate::openbalena::USER);
    let server = scene.watch(&[("REMORA_WATCH_FINALIZE", "always")]);
    let first = scene.release(true);
    until("the first", &server, || scene.is_final(&first));
    let used = std::fs::read_to_string(scene.installation.path("api-key")).expect("the key");
    scene.installation.api.openbalena.revoke(&used);
    until("told", &server, || server.log().contains("watching is in trouble"));
    scene.installation.write("api-key", &key);
    let second = scene.release(true);
    until("the second", &server, || scene.is_final(&second));
}

#[test]
fn a_fleet_that_is_not_there_keeps_no_other_back_and_an_empty_release_stays_in() {
    let mut scene = Scene::new();
    let api = &scene.installation.api.openbalena;
    let empty = api.release(scene.fleet, &"e".repeat(40)).draft().add();
    let draft = scene.release(true);
    let settings = [("REMORA_WATCH_FINALIZE", "always"), ("REMORA_WATCH", "org/none,org/fleet")];
    let server = scene.watch(&settings);
    until("the draft", &server, || scene.is_final(&draft));
    until("told", &server, || server.log().contains("without images"));
    assert!(!scene.installation.api.openbalena.standing(empty).is_final);
    until("the log", &server, || server.log().contains("org/none"));
}
