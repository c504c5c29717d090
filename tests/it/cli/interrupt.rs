//! Ctrl-C and kill: the process ends with the shell's code for it and leaves nothing half-written.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::Sandbox;

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process");
    kill_process(pid, signal).expect("sent");
}

/// `remora` with these arguments, to which every signal comes: what starts the tests (`nohup`, a job in the background)
/// may ignore some, and processes inherit that.
fn interruptible(sandbox: &Sandbox, arguments: &str) -> Command {
    let mut command = sandbox.program("env");
    command.args(["--default-signal=HUP,INT,QUIT,TERM", env!("CARGO_BIN_EXE_remora")]);
    command.args(arguments.split_whitespace());
    command
}

fn assert_ended(sandbox: &Sandbox, child: Child, code: i32) {
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(code));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr, "interrupted: nothing was left half-written\n");
    sandbox.assert_nothing_temporary();
    let store = sandbox.succeed("store verify --json").json();
    assert_eq!(store["damaged"].as_array().map(Vec::len), Some(0));
}

#[test]
fn ctrl_c_while_an_image_comes_in_leaves_nothing() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    let arguments = "apply docker-archive:- oci:delta --output docker-archive:out.tar";
    let mut child = interruptible(&sandbox, arguments).stdin(Stdio::piped()).spawn().expect("runs");
    let archive = std::fs::read(sandbox.path("thermostat-1.0.tar")).expect("fixture");
    // More than a pipe holds: when it is written, the process is reading. The pipe stays open.
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(&archive[..200_000]).expect("read at the other end");
    send(&child, Signal::INT);
    assert_ended(&sandbox, child, 130);
    assert!(!sandbox.path("out.tar").exists());
}

#[test]
fn a_lost_terminal_and_quit_end_it_as_a_kill_does() {
    let archive = |sandbox: &Sandbox| std::fs::read(sandbox.path("thermostat-1.0.tar"));
    for (signal, code) in [(Signal::HUP, 129), (Signal::QUIT, 131)] {
        let sandbox = Sandbox::new();
        let arguments = "create docker-archive:- oci:thermostat:1.1 --output docker-archive:out";
        let mut child =
            interruptible(&sandbox, arguments).stdin(Stdio::piped()).spawn().expect("runs");
        let archive = archive(&sandbox).expect("fixture");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(&archive[..200_000]).expect("read at the other end");
        let names = sandbox.tree(".");
        let ours = |path: &std::path::PathBuf| path.to_string_lossy().contains("/.remora-");
        assert!(names.iter().any(ours), "no temporary file yet: {names:?}");
        send(&child, signal);
        assert_ended(&sandbox, child, code);
        assert!(!sandbox.path("out").exists());
    }
}

#[test]
fn a_signal_that_is_ignored_at_the_start_stays_so() {
    let sandbox = Sandbox::new();
    let arguments =
        "create docker-archive:- oci:thermostat:1.1 --output docker-archive:out --quiet";
    let shell = format!("trap '' HUP QUIT; exec {} {arguments}", env!("CARGO_BIN_EXE_remora"));
    let mut command = sandbox.program("sh");
    let mut child = command.args(["-c", &shell]).stdin(Stdio::piped()).spawn().expect("runs");
    let archive = std::fs::read(sandbox.path("thermostat-1.0.tar")).expect("fixture");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(&archive[..200_000]).expect("read at the other end");
    send(&child, Signal::HUP);
    send(&child, Signal::QUIT);
    stdin.write_all(&archive[200_000..]).expect("read at the other end");
    drop(stdin);
    let output = child.wait_with_output().expect("ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(sandbox.path("out").exists());
}

#[test]
fn a_kill_while_an_image_goes_out_leaves_nothing() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    let arguments = "apply oci:thermostat:1.0 oci:delta --output docker-archive:- --quiet";
    let mut child = interruptible(&sandbox, arguments).spawn().expect("runs");
    // Less than the image: the process goes on writing until the pipe is full. Its layers are
    // temporary files at this moment.
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_exact(&mut [0; 512]).expect("the archive begins");
    send(&child, Signal::TERM);
    assert_ended(&sandbox, child, 143);
}

#[test]
fn ctrl_c_while_a_layout_is_written_leaves_it_as_it_was() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    let before = sandbox.tree("delta");
    // Writers of a layout wait for each other: this holds remora up when it has begun.
    let layout = std::fs::File::open(sandbox.path("delta")).expect("folder");
    layout.lock().expect("locked");
    let arguments = "apply oci:thermostat:1.0 oci:delta --output oci:delta:new";
    let mut child = interruptible(&sandbox, arguments).spawn().expect("runs");
    wait_until_blocked_on_lock(&mut child);
    send(&child, Signal::INT);
    assert_ended(&sandbox, child, 130);
    assert_eq!(sandbox.tree("delta"), before);
}

/// `/proc/locks` marks those who wait with an arrow.
fn wait_until_blocked_on_lock(child: &mut Child) {
    let id = format!(" {} ", child.id());
    let waits = |line: &str| line.contains("-> FLOCK") && line.contains(&id);
    while !std::fs::read_to_string("/proc/locks").expect("linux").lines().any(waits) {
        assert_eq!(child.try_wait().expect("a child"), None, "ended before it came to the lock");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
