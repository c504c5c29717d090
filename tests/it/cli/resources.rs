//! What the system does not give: threads, room for maps.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command};
use std::thread::{available_parallelism, sleep};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::Sandbox;
use super::sandbox::Ran;
use crate::registry_server::free_port;

/// A user that has no other processes.
const USER: &str = "1904711";

/// Runs a copy of `remora` as a user who may have so many threads, the program's first included.
fn run_with_threads(sandbox: &Sandbox, threads: usize, arguments: &str) -> Ran {
    with_threads(sandbox, threads, arguments).output().expect("setpriv runs").into()
}

/// The sandbox with copies of the program and the fixture in it, for another user to run: the folder that this repository
/// lies in may be its owner's alone.
fn open_to_others() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::set_permissions(sandbox.path("."), Permissions::from_mode(0o777)).expect("ours");
    let copy =
        "cp -rL thermostat copy && rm thermostat && mv copy thermostat && chmod -R a+rX thermostat";
    assert!(sandbox.program("sh").args(["-c", copy]).status().expect("sh runs").success());
    fs::copy(env!("CARGO_BIN_EXE_remora"), sandbox.path("remora")).expect("copied");
    sandbox
}

fn with_threads(sandbox: &Sandbox, threads: usize, arguments: &str) -> Command {
    let mut command = sandbox.program("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "prlimit"]);
    command.arg(format!("--nproc={threads}")).arg("./remora").args(arguments.split_whitespace());
    command.env("REMORA_STORE", "theirs");
    command
}

#[test]
fn few_threads_are_made_do_with_and_too_few_are_named() {
    let sandbox = open_to_others();
    sandbox.succeed("create oci:thermostat:1.0 oci:thermostat:1.1 --format v2 -o expected --quiet");
    let expected = fs::read(sandbox.path("expected")).expect("made");
    for threads in [1, 2, 3, 5, 8, 10, 16] {
        let create = "create oci:thermostat:1.0 oci:thermostat:1.1 --quiet --threads 3";
        let ran = run_with_threads(&sandbox, threads, &format!("{create} --format v2 -o delta"));
        assert_eq!(ran.code, Some(0), "{threads}: {}", ran.stderr);
        assert!(fs::read(sandbox.path("delta")).expect("made") == expected, "{threads}");
        let ran = run_with_threads(&sandbox, threads, &format!("{create} -o oci:delta.v3"));
        assert_eq!(ran.code, Some(0), "{threads}: {}", ran.stderr);
        let apply = "apply oci:thermostat:1.0 oci:delta.v3 -o oci:out --quiet";
        let ran = run_with_threads(&sandbox, threads, apply);
        assert_eq!(ran.code, Some(0), "{threads}: {}", ran.stderr);
        // Nothing listens there; with too few threads nobody gets so far.
        let pull = "inspect 127.0.0.1:1/app:1 --json --retries 0";
        let ran = run_with_threads(&sandbox, threads, pull);
        assert_eq!(ran.code, Some(3), "{threads}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{threads}: {}", ran.stderr);
        let code = &ran.json()["error"]["code"];
        // In between it depends on which threads have ended when others begin.
        let possible: &[&str] = match threads {
            ..=3 => &["resources"],
            16.. => &["unreachable"],
            _ => &["resources", "unreachable"],
        };
        assert!(possible.iter().any(|it| *code == *it), "{threads}: {}", ran.stderr);
    }
}

/// How many of the threads that compute a process has; `None` if it is gone.
fn computing_threads(process: &Child) -> Option<usize> {
    let threads = fs::read_dir(format!("/proc/{}/task", process.id())).ok()?.flatten();
    let names = threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
    Some(names.filter(|name| name.starts_with("compute-")).count())
}

/// Waits until the server at `port` answers; says whether it does, or has ended.
fn comes_up(server: &mut Child, port: u16) -> bool {
    loop {
        if server.try_wait().expect("a child").is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_server_has_all_its_threads_or_says_at_its_start_that_it_cannot() {
    let sandbox = open_to_others();
    let cores = available_parallelism().expect("Linux tells").get();
    let (mut up, mut refused) = (0, 0);
    for threads in (1..=10 + 8 * cores).chain([200]) {
        let port = free_port();
        let serve = "serve --registry 127.0.0.1:1 --insecure-no-auth --data theirs-too";
        let serve = format!("{serve} --listen 127.0.0.1:{port}");
        let mut server = with_threads(&sandbox, threads, &serve).spawn().expect("setpriv runs");
        if comes_up(&mut server, port) {
            up += 1;
            assert_eq!(computing_threads(&server), Some(cores), "{threads}");
            let process = Pid::from_child(&server);
            kill_process(process, Signal::TERM).expect("it runs");
        }
        let ran: Ran = server.wait_with_output().expect("it ends").into();
        assert!(!ran.stderr.contains("panicked"), "{threads}: {}", ran.stderr);
        if ran.code != Some(0) {
            refused += 1;
            assert_eq!(ran.code, Some(3), "{threads}: {}", ran.stderr);
            assert!(ran.stderr.contains("error: "), "{threads}: {}", ran.stderr);
        }
    }
    assert!(up > 0 && refused > 0, "{up} came up, {refused} did not");
}

#[test]
fn a_layer_that_cannot_be_mapped_is_named() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    // Larger than what the process may map, and nothing but a hole.
    let stored = fs::read_dir(sandbox.path("store/layers")).expect("there").next();
    let layer = stored.expect("one at least").expect("entry").path();
    fs::remove_file(&layer).expect("ours");
    fs::File::create(&layer).and_then(|file| file.set_len(8 << 30)).expect("a hole");
    fs::set_permissions(&layer, Permissions::from_mode(0o400)).expect("ours");
    for format in ["v2", "v3"] {
        let output = if format == "v2" { "--format v2 --output x" } else { "--output oci:x" };
        let create = format!("create oci:thermostat:1.0 oci:thermostat:1.1 --json {output}");
        let remora = env!("CARGO_BIN_EXE_remora");
        let script = format!("ulimit -v 4000000; exec {remora} {create}");
        let ran: Ran = sandbox.program("sh").args(["-c", &script]).output().expect("sh").into();
        assert_eq!(ran.code, Some(3), "{format}: {}", ran.stderr);
        let error = &ran.json()["error"];
        assert_eq!(error["code"], "resources", "{error}");
        let name = layer.file_name().expect("a name").to_str().expect("text");
        let message = error["message"].as_str().expect("text");
        assert!(message.contains("cannot map") && message.contains(name), "{message}");
        assert!(ran.stderr.contains("hint: allow more memory"), "{}", ran.stderr);
    }
}

/// Limits of the address space to run under, in MiB: from what hardly starts a program to more than is needed.
const LADDER: [u32; 12] = [70, 100, 140, 180, 220, 260, 320, 400, 500, 650, 900, 8000];

#[test]
fn too_little_address_space_is_an_error_and_never_an_abort() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    let pair = "oci:thermostat:1.0 oci:thermostat:1.1";
    let commands = [
        format!("create {pair} -o oci:made --replace"),
        format!("create {pair} --format v2 -o made.v2 --replace"),
        "apply oci:thermostat:1.0 oci:delta -o oci:applied --replace".to_owned(),
        format!("diff {pair}"),
    ];
    let remora = env!("CARGO_BIN_EXE_remora");
    for command in &commands {
        let mut refused = 0;
        for mebibytes in LADDER {
            let limit = format!("--as={}", u64::from(mebibytes) << 20);
            let mut limited = sandbox.program("prlimit");
            // Layers come in too.
            limited.env("REMORA_STORE", format!("store-{mebibytes}"));
            limited.args([&limit, remora, "--json", "--quiet"]).args(command.split(' '));
            let ran: Ran = limited.output().expect("prlimit runs").into();
            if ran.code == Some(0) {
                continue;
            }
            refused += 1;
            assert_eq!(ran.code, Some(3), "{command} in {mebibytes} MiB: {}", ran.stderr);
            assert_eq!(ran.json()["error"]["code"], "resources", "{}", ran.stderr);
            assert!(ran.stderr.contains("hint: allow more memory"), "{}", ran.stderr);
        }
        assert!((1..LADDER.len()).contains(&refused), "{command}: {refused} refused");
    }
    sandbox.assert_nothing_temporary();
}
