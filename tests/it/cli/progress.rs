//! Progress is for people: on stderr, where they asked for it, and never in a pipe by itself.

use std::process::Stdio;

use super::Sandbox;
use crate::tools;

const CREATE: &str = "create oci:thermostat:1.0 oci:thermostat:1.1 --output oci:delta";

#[test]
fn without_a_terminal_there_is_no_progress_unless_asked_for() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.succeed(CREATE).stderr, "");
    let ran = sandbox.succeed(&format!("{CREATE} --progress off"));
    assert_eq!(ran.stderr, "");
}

#[test]
fn lines_are_plain_and_tell_what_each_stage_came_to() {
    let ran = Sandbox::new().succeed(&format!("{CREATE} --progress lines"));
    for stage in ["fetch", "index", "encode", "verify", "push"] {
        let line = |line: &str| line.starts_with(&format!("{stage}: ")) && line.ends_with(" done");
        assert!(ran.stderr.lines().any(line), "{stage}\n{}", ran.stderr);
    }
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
}

#[test]
fn more_log_goes_to_stderr_and_leaves_json_alone() {
    let ran = Sandbox::new().succeed(&format!("{CREATE} -vvv --json"));
    assert_eq!(ran.json()["command"], "create");
    assert!(!ran.stderr.contains('\u{1b}'), "colour without a terminal\n{}", ran.stderr);
}

/// What `remora` writes to a terminal; `script`, of every Debian, gives it one.
fn on_a_terminal(sandbox: &Sandbox, arguments: &str) -> String {
    let remora = format!("{} {arguments}", env!("CARGO_BIN_EXE_remora"));
    let output = sandbox
        .program("script")
        .args(["-qec", &remora, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| tools::missing("script", &error));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn on_a_terminal_there_are_bars_that_vanish_and_errors_have_colour() {
    let sandbox = Sandbox::new();
    let screen = on_a_terminal(&sandbox, CREATE);
    let (bars, summary) = screen.split_once("delta:   oci:delta").expect(&screen);
    assert!(bars.contains("fetch =") && bars.ends_with("\u{1b}[2K"), "{bars:?}");
    assert!(!summary.contains('\u{1b}'), "{summary:?}");
    let error = on_a_terminal(&sandbox, "inspect oci:nowhere");
    assert!(error.starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m oci:nowhere"), "{error:?}");
}
