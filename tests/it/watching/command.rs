//! `remora release watch`: the same from the command line, with the user's own tokens.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Scene;
use crate::openbalena::USER;

fn command(scene: &Scene, server: &str, fleet: &str) -> Command {
    let api = format!("http://{}", scene.installation.api.server.address());
    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    command.args(["release", "watch", fleet, "--finalize", "always", "--interval", "200ms"]);
    command.args(["--json", "--api", &api, "--server", server]);
    command.env("HOME", scene.installation.path(""));
    command.env("BALENA_API_KEY", scene.installation.api.openbalena.api_key(USER));
    command
}

#[test]
fn each_decision_is_a_line_until_the_command_is_interrupted() {
    let mut scene = Scene::new();
    let server = scene.installation.serve(&[]);
    let draft = scene.release(true);
    let mut command = command(&scene, &format!("http://{}", server.address()), "org/fleet");
    let mut watch = command.stdout(Stdio::piped()).spawn().expect("remora starts");
    let lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines();
    let mut decided = Vec::new();
    for line in lines {
        let event: Value = serde_json::from_str(&line.expect("text")).expect("a line of JSON");
        assert_eq!(
            (&event["command"], &event["fleet"]),
            (&"release watch".into(), &"org/fleet".into())
        );
        if event["release"] == draft.release {
            decided.push(event["decision"].as_str().expect("a name").to_owned());
        }
        if decided.last().is_some_and(|last| last == "finalized") {
            break;
        }
    }
    assert_eq!(decided, ["asked", "done", "finalized"]);
    assert!(scene.is_final(&draft));
    assert!(scene.asked(&server, &draft).name().contains(":delta-"));
    let id = i32::try_from(watch.id()).ok().and_then(Pid::from_raw).expect("an ID");
    kill_process(id, Signal::TERM).expect("it is ours");
    let status = watch.wait().expect("a child");
    assert_eq!(status.code(), Some(143), "{status}");
}

#[test]
fn a_fleet_that_is_not_there_ends_the_command_at_once() {
    let scene = Scene::new();
    let output = command(&scene, "http://127.0.0.1:9", "org/none").output().expect("remora starts");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(
        told["error"]["message"].as_str().is_some_and(|text| text.contains("org/none")),
        "{told}"
    );
}
