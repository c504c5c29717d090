//! Progress is for people: on stderr, where they asked for it, and never in a pipe by itself.

use super::Sandbox;

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
