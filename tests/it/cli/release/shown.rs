//! What the commands answer, for people and for programs.

use serde_json::{Value, json};

use super::super::assert_snapshot;
use super::super::sandbox::Ran;
use super::{SLUG, Scene};
use crate::installation::BUILDER_TOKEN;
use crate::tools;

fn service<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let services = answer["is_produced_by__service_update"].as_array().expect("a list");
    services.iter().find(|service| service["service_name"] == name).expect(name)
}

#[test]
fn an_update_is_a_table_for_people_before_and_after_its_deltas_are_made() {
    let scene = Scene::new();
    let before = scene.succeed(&format!("diff {}", scene.releases()));
    let waited = scene.succeed(&format!("prepare {} --wait --progress lines", scene.releases()));
    let after = scene.succeed(&format!("diff {}", scene.releases()));
    assert_eq!(waited.text(), after.text());
    assert_snapshot("release-diff", &format!("{}\n{}", before.text(), after.text()));
    for service in ["api: ", "worker: "] {
        let told = |line: &str| line.starts_with(&format!("{service}ready, "));
        assert!(waited.stderr.lines().any(told), "{}", waited.stderr);
    }
}

#[test]
fn an_update_has_the_keys_of_balenas_tool_and_ours_beside_them() {
    let scene = Scene::new();
    let releases = scene.releases();
    let before = scene.succeed(&format!("diff {releases} --json")).json();
    assert_eq!(before["command"], "release diff");
    assert_eq!(before["schema_version"], 1);
    assert_eq!(before["originates_from__release"]["id"], scene.from);
    assert_eq!(before["produces__release"]["is_final"], false);
    assert_eq!(before["overall_status"], "pending");
    assert_eq!(before.get("estimated_total_payload_size"), None);
    assert_eq!(service(&before, "cache")["unchanged"], true);
    assert_eq!(service(&before, "new").get("originates_from__image"), None);
    assert_eq!(before["removed_services"][0]["service_name"], "gone");

    let after = scene.succeed(&format!("prepare {releases} --wait --json"));
    let after = after.json();
    assert_eq!(after["command"], "release prepare");
    assert_eq!((&after["timed_out"], &after["finalized"]), (&json!(false), &json!(false)));
    assert_eq!(after["overall_status"], "ready");
    assert_eq!(after["estimated_total_payload_size"], after["payload_size_now"]);
    let delta = &service(&after, "api")["produces__image"]["is_produced_by__delta"];
    assert!(delta["size"].as_u64().is_some_and(|size| size > 0), "{delta}");
}

#[test]
fn a_script_for_balenas_tool_needs_another_name_only() {
    let scene = Scene::new();
    let named = format!("--from-release {} --to-release {}", scene.from, scene.to);
    let pending = scene.succeed(&format!("diff {named} --json")).json();
    assert_eq!(pending["overall_status"], "pending");
    let ready = scene.succeed(&format!("diff {named} --timeout 600 --json")).json();
    assert_eq!(
        (&ready["command"], &ready["overall_status"]),
        (&json!("release diff"), &json!("ready"))
    );
    let without = scene.run(&format!("diff --from-release {}", scene.from));
    assert_eq!(without.code, Some(2));
    assert!(without.stderr.contains("Must specify both a source and a target release"));
    let mixed = scene.succeed(&format!("diff --from-release {} {} --json", scene.from, scene.to));
    assert_eq!(mixed.json()["produces__release"]["id"], scene.to);
    let three = scene.run(&format!("diff {named} 7"));
    assert!(three.code == Some(2) && three.stderr.contains("7 is a third release"));
}

#[test]
fn a_release_is_let_out_once_its_deltas_are_there() {
    let scene = Scene::new();
    let ran = scene.succeed(&format!("prepare {SLUG} {} --timeout 10m --finalize", scene.to));
    assert!(ran.text().ends_with("the release is final: devices that follow the fleet get it\n"));
    let standing = scene.installation.api.openbalena.standing(scene.to);
    assert_eq!((standing.is_final, standing.is_target), (true, true));
}

#[test]
fn a_fleet_is_two_tables_for_people() {
    let scene = Scene::new();
    scene.add_devices();
    let before = scene.succeed(&format!("fleet {SLUG} --to {}", scene.to));
    let waited = scene.succeed(&format!("prepare --fleet {SLUG} --to {} --wait", scene.to));
    let after = scene.succeed(&format!("fleet {SLUG} --to {}", scene.to));
    assert_eq!(waited.text(), after.text());
    assert_snapshot("release-fleet", &format!("{}\n{}", before.text(), after.text()));
}

#[test]
fn a_fleet_is_one_document_for_programs() {
    let scene = Scene::new();
    scene.add_devices();
    let ran = scene.succeed(&format!("prepare --fleet {SLUG} --to {} --wait --json", scene.to));
    assert_eq!(ran.json()["command"], "release prepare");
    let answer = scene.succeed(&format!("fleet {SLUG} --to {} --json", scene.to)).json();
    assert_eq!(answer["command"], "release fleet");
    assert_eq!((&answer["devices"], &answer["devices_to_update"]), (&json!(6), &json!(5)));
    assert_eq!(answer["running"].as_array().map(Vec::len), Some(2));
    let pairs = answer["pairs"].as_array().expect("a list");
    assert_eq!(pairs.len(), 8);
    assert!(pairs.iter().all(|pair| pair["status"] == "ready"), "{answer}");
    assert!(answer["payload_total"].as_u64() < answer["pull_total"].as_u64());
    let current = scene.succeed(&format!("fleet {SLUG} --json")).json();
    assert_eq!(current["devices_to_update"], 0);
}

#[test]
fn the_builder_credential_does_in_the_place_of_tokens_of_the_users_own() {
    let scene = Scene::new();
    std::fs::write(scene.sandbox.path("builder"), BUILDER_TOKEN).expect("written");
    let prepare = format!("prepare {} --wait --builder-token-file builder", scene.releases());
    assert_eq!(scene.succeed(&format!("{prepare} --json")).json()["overall_status"], "ready");
}

#[test]
fn settings_of_the_balena_cli_lead_to_the_installation() {
    let scene = Scene::new();
    let api = format!("http://{}", scene.installation.api.server.address());
    let mut command = scene.sandbox.command(&format!("release diff {}", scene.releases()));
    let key = std::fs::read_to_string(scene.sandbox.path("key")).expect("a key");
    command.env("BALENARC_API_URL", api).env("BALENA_API_KEY", key);
    command.env("BALENARC_DELTA_URL", format!("http://{}", scene.server.address()));
    // Settings of the current folder are not read.
    std::fs::write(scene.sandbox.path("balenarc.yml"), "apiUrl: http://127.0.0.1:9\n")
        .expect("written");
    let ran: Ran = command.output().expect("remora runs").into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn on_a_terminal_each_service_has_a_bar_that_vanishes() {
    let scene = Scene::new();
    let command = scene.command(&format!("prepare {} --wait", scene.releases()));
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let line: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let mut script = scene.sandbox.program("script");
    script.args(["-qec", &line.join(" "), "/dev/null"]).env("TERM", "xterm");
    let output = script.output().unwrap_or_else(|error| tools::missing("script", &error));
    let screen = String::from_utf8(output.stdout).expect("text");
    let (bars, answer) = screen.split_once("fleet: org/thermostat").expect(&screen);
    for service in ["api    ", "cache  =", "new    =", "worker "] {
        assert!(bars.contains(service), "{service}: {bars:?}");
    }
    assert!(bars.ends_with("\u{1b}[2K") && !answer.contains('\u{1b}'), "{screen:?}");
}
