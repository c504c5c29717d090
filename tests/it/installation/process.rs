//! `remora serve` and `remora builder` as processes of their own, on free ports.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Answer, Exchange};
use crate::registry_server::free_port;

/// How long a server may take to start.
const START_TRIES: u32 = 400;
const START_PAUSE: Duration = Duration::from_millis(25);

/// A running server; it is killed when this is dropped.
pub(crate) struct ServerProcess {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl ServerProcess {
    /// Starts a server with this environment and waits until it answers.
    pub(crate) fn start(environment: &[(String, String)]) -> Self {
        Self::start_command("serve", environment)
    }

    /// The same of a builder.
    pub(crate) fn start_builder(environment: &[(String, String)]) -> Self {
        Self::start_command("builder", environment)
    }

    fn start_command(name: &str, environment: &[(String, String)]) -> Self {
        // Somebody else may take the port between choosing and using it.
        for _ in 0..5 {
            let mut server = Self::spawn_command(name, environment);
            if server.wait_until_it_answers() {
                return server;
            }
            let log = server.log();
            assert!(log.contains("in use"), "remora {name} does not start:\n{log}");
        }
        panic!("there is no port for remora {name}");
    }

    /// Starts a server that may have so many open files, and waits until it answers.
    pub(crate) fn start_with_files(files: u32, environment: &[(String, String)]) -> Self {
        let limited = format!("ulimit -n {files}; exec \"$0\" serve");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &limited, env!("CARGO_BIN_EXE_remora")]);
        let mut server = Self::run(command, environment);
        assert!(server.wait_until_it_answers(), "{}", server.log());
        server
    }

    /// Starts a server that may or may not come up.
    pub(crate) fn spawn(environment: &[(String, String)]) -> Self {
        Self::spawn_command("serve", environment)
    }

    fn spawn_command(name: &str, environment: &[(String, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
        command.arg(name);
        Self::run(command, environment)
    }

    /// Starts a server that logs into this pipe, and waits until it answers.
    pub(crate) fn start_with_log(log: io::PipeWriter, environment: &[(String, String)]) -> Self {
        let mut server = Self::spawn_with_log(log, environment);
        assert!(server.wait_until_it_answers());
        server
    }

    /// Starts a server that logs into this pipe, and may or may not come up.
    pub(crate) fn spawn_with_log(log: io::PipeWriter, environment: &[(String, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
        let folder = tempfile::tempdir().expect("a folder");
        File::create(folder.path().join("log")).expect("created");
        command.arg("serve");
        Self::run_in(folder, command, environment, log.into())
    }

    fn run(command: Command, environment: &[(String, String)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = File::create(folder.path().join("log")).expect("created");
        Self::run_in(folder, command, environment, log.into())
    }

    fn run_in(
        folder: TempDir,
        mut command: Command,
        environment: &[(String, String)],
        log: Stdio,
    ) -> Self {
        let port = free_port();
        command.env_clear().env("REMORA_LISTEN", format!("127.0.0.1:{port}"));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        ServerProcess { process: command.spawn().expect("remora starts"), port, folder }
    }

    fn wait_until_it_answers(&mut self) -> bool {
        for _ in 0..START_TRIES {
            if self.process.try_wait().expect("a child").is_some() {
                return false;
            }
            if self.try_ask("GET", "/healthz", &[]).is_ok_and(|answer| answer.status == 200) {
                return true;
            }
            std::thread::sleep(START_PAUSE);
        }
        panic!("remora does not answer:\n{}", self.log());
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it has in memory that is in no file, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(status).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// How many files it has open.
    #[allow(dead_code, reason = "benchmarks alone ask")]
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("it runs").count()
    }

    /// Everything that it wrote.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("a log")
    }

    /// Sends a request and reads the answer.
    pub(crate) fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.begin(method, target, headers, b"").answer()
    }

    /// The same with a body.
    pub(crate) fn post(&self, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.begin("POST", target, headers, body.as_bytes()).answer()
    }

    /// Sends a request, whose answer may take its time.
    pub(crate) fn begin(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Exchange {
        let exchange = Exchange::send(&self.address(), method, target, headers, body);
        exchange.unwrap_or_else(|error| panic!("{error}:\n{}", self.log()))
    }

    /// Asks for the delta between two references, as devices do.
    pub(crate) fn delta(&self, version: u8, src: &str, dest: &str, token: &str) -> Answer {
        self.begin_delta(version, src, dest, token).answer()
    }

    /// The same without waiting for the answer.
    pub(crate) fn begin_delta(&self, version: u8, src: &str, dest: &str, token: &str) -> Exchange {
        let target = format!("/api/v{version}/delta?src={src}&dest={dest}");
        self.begin("GET", &target, &[("Authorization", &format!("Bearer {token}"))], b"")
    }

    fn try_ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> io::Result<Answer> {
        let mut stream =
            Exchange::send(&self.address(), method, target, headers, b"")?.into_stream();
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut stream, &mut bytes)?;
        Answer::parse(&bytes).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        let status = self.process.wait().expect("a child");
        assert_eq!(status.signal(), Some(9), "it had ended before:\n{}", self.log());
    }

    /// Waits for its end, and gives what it wrote.
    pub(crate) fn wait(&mut self) -> (ExitStatus, String) {
        let status = self.process.wait().expect("a child");
        (status, self.log())
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).expect("an ID");
        kill_process(id, signal).expect("it is ours");
    }
}

impl Drop for ServerProcess {
    #[expect(clippy::print_stderr, reason = "beside what the failed test says")]
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}
