//! An S3 service on a free port for as long as a test needs it: moto's, from PyPI.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::installation::{Answer, Exchange};
use crate::registry_server::free_port;
use crate::tools;

/// What pip installs: the parts of moto that serve S3. Its extra `server` would bring all of AWS.
const PACKAGES: [&str; 3] = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];
/// The folder that they are in; another set of packages gets another one.
const FOLDER: &str = "moto-5.2.5";

/// How long the service may take to start.
const START_TRIES: u32 = 600;
const START_PAUSE: Duration = Duration::from_millis(50);

/// The bucket that is there from the beginning.
pub(crate) const BUCKET: &str = "remora";
/// Nothing but who signs a request is looked at; what is not signed is refused.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=tests/20260101/us-east-1/s3/aws4_request, \
    SignedHeaders=host, Signature=0";

/// A running service, with its objects in memory; it ends when this is dropped.
pub(crate) struct S3Server {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl S3Server {
    /// Starts a service that has one empty bucket.
    pub(crate) fn start() -> Self {
        // Somebody else may take the port between choosing and using it.
        for _ in 0..5 {
            let folder = tempfile::tempdir().expect("a folder");
            let port = free_port();
            if let Some(process) = started(folder.path(), port) {
                let server = S3Server { process, port, folder };
                assert_eq!(server.request("PUT", &format!("/{BUCKET}"), b"").status, 200);
                return server;
            }
        }
        panic!("moto does not start");
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The variables that lead a server to the service at `address`: this one, or a proxy before it.
    pub(crate) fn variables(address: &str) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", &*format!("http://{address}")),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "tests"),
            ("AWS_SECRET_ACCESS_KEY", "hush-s3"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The keys of the bucket's objects.
    pub(crate) fn keys(&self) -> Vec<String> {
        let list = self.request("GET", &format!("/{BUCKET}?list-type=2"), b"").text();
        let keys = list.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        keys.map(str::to_owned).collect()
    }

    pub(crate) fn get(&self, key: &str) -> Vec<u8> {
        let answer = self.request("GET", &format!("/{BUCKET}/{key}"), b"");
        assert_eq!(answer.status, 200, "{key}");
        answer.body
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        assert_eq!(self.request("PUT", &format!("/{BUCKET}/{key}"), bytes).status, 200, "{key}");
    }

    /// How many of the answered requests contain `text`.
    pub(crate) fn count(&self, text: &str) -> usize {
        let log = fs::read_to_string(self.folder.path().join("log")).expect("readable log");
        log.lines().filter(|line| line.contains(text)).count()
    }

    /// Takes connections and answers nothing, until [`go_on`](Self::go_on).
    pub(crate) fn stall(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).expect("an ID");
        kill_process(id, signal).expect("it is ours");
    }

    fn request(&self, method: &str, target: &str, body: &[u8]) -> Answer {
        let headers = [("Authorization", SIGNED)];
        let exchange = Exchange::send(&self.address(), method, target, &headers, body);
        exchange.expect("moto answers").answer()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts the program and waits until it listens; `None` if it ends instead.
fn started(folder: &Path, port: u16) -> Option<Child> {
    let log = File::create(folder.join("log")).expect("created");
    let mut command = Command::new(python());
    command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut process = command.spawn().expect("python starts");
    for _ in 0..START_TRIES {
        if process.try_wait().expect("a child").is_some() {
            return None;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(process);
        }
        std::thread::sleep(START_PAUSE);
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}

/// Python with moto, which is installed once for each checkout.
fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(installed).clone()
}

fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (place, lock) = (folder.join(FOLDER), folder.join("moto.lock"));
    // Another run of the tests may be about to do the same.
    let lock = File::create(lock).expect("created");
    lock.lock().expect("locked");
    let (python, complete) = (place.join("bin/python"), place.join("complete"));
    if !complete.exists() {
        let _ = fs::remove_dir_all(&place);
        tools::run("python3", &["-m", "venv", &place.display().to_string()]);
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        let program = python.display().to_string();
        tools::run(&program, &[&pip[..], &PACKAGES].concat());
        File::create(complete).expect("created");
    }
    python
}
