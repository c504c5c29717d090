//! Engines of a test's own: Debian's `dockerd` and podman's service, each with data of its own in a temporary folder.

mod podman;
mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

use crate::authority::Authority;
use crate::registry_server::{Identity, free_port};

pub(crate) use podman::Podman;
pub(crate) use process::Process;

/// A running `dockerd`; it ends and its data goes when this is dropped.
pub(crate) struct Docker {
    process: Option<Process>,
    port: u16,
    folder: TempDir,
    /// What a client of an engine with TLS shows.
    client: Option<Identity>,
}

impl Docker {
    /// One that speaks plain HTTP.
    pub(crate) fn start() -> Self {
        Self::at(free_port(), None)
    }

    /// One that tests share which do it no harm; it ends with the last of them.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Docker>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let docker = Arc::new(Self::start());
            *shared = Arc::downgrade(&docker);
            docker
        })
    }

    /// One that lets in whoever has a certificate of `authority`.
    pub(crate) fn with_tls(authority: &Authority) -> Self {
        let server = authority.server(&["127.0.0.1", "localhost"]);
        let mut docker = Self::at(free_port(), Some((authority, &server)));
        docker.client = Some(authority.client());
        docker
    }

    fn at(port: u16, tls: Option<(&Authority, &Identity)>) -> Self {
        let folder = tempfile::Builder::new().prefix("remora-docker").tempdir_in("/var/tmp");
        let folder = folder.expect("a folder");
        let mut command = Command::new("dockerd");
        arguments(&mut command, folder.path(), port);
        if let Some((authority, server)) = tls {
            let file = |name: &str, content: &str| put(folder.path(), name, content);
            command
                .arg("--tlsverify")
                .arg(format!("--tlscacert={}", file("ca.pem", &authority.certificate).display()))
                .arg(format!("--tlscert={}", file("cert.pem", &server.certificate).display()))
                .arg(format!("--tlskey={}", file("key.pem", &server.key).display()));
        }
        let process = Process::start(command, folder.path(), port, &ready(port));
        Docker { process: Some(process), port, folder, client: None }
    }

    /// `tcp://127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }

    /// The socket, as an address.
    pub(crate) fn socket(&self) -> String {
        format!("unix://{}", self.folder.path().join("sock").display())
    }

    /// A folder with what a client shows and trusts.
    pub(crate) fn client_folder(&self, authority: &Authority) -> PathBuf {
        let folder = self.folder.path().join("client");
        fs::create_dir_all(&folder).expect("created");
        let client = self.client.as_ref().expect("an engine with TLS");
        put(&folder, "ca.pem", &authority.certificate);
        put(&folder, "cert.pem", &client.certificate);
        put(&folder, "key.pem", &client.key);
        folder
    }

    /// Kills it at once, as a machine that loses power would. Its data stays.
    pub(crate) fn kill(&mut self) {
        self.process.as_mut().expect("a process").kill();
    }

    /// Starts it again where it was.
    pub(crate) fn start_again(&mut self) {
        let mut command = Command::new("dockerd");
        arguments(&mut command, self.folder.path(), self.port);
        // The old one takes with it whatever names the folder.
        self.process = None;
        // A process that nobody has waited for yet passes for one that runs.
        for file in ["pid", "exec/containerd/containerd.pid"] {
            let _ = fs::remove_file(self.folder.path().join(file));
        }
        self.process =
            Some(Process::start(command, self.folder.path(), self.port, &ready(self.port)));
    }

    /// What its log says.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// How many containers it has, running or not.
    pub(crate) fn containers(&self) -> usize {
        let found: Vec<serde_json::Value> = self.get("/containers/json?all=1");
        found.len()
    }

    /// The tags of its images.
    pub(crate) fn tags(&self) -> Vec<String> {
        let found: Vec<serde_json::Value> = self.get("/images/json");
        let tags = found.iter().filter_map(|image| image["RepoTags"].as_array());
        tags.flatten().map(|tag| tag.as_str().expect("text").to_owned()).collect()
    }

    /// The ID of the image of that name.
    pub(crate) fn image_id(&self, name: &str) -> String {
        let found: serde_json::Value = self.get(&format!("/images/{name}/json"));
        found["Id"].as_str().expect("an ID").to_owned()
    }

    fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let text = crate::tools::run("curl", &["--silent", "--fail", &url]);
        serde_json::from_str(&text).expect("JSON")
    }
}

fn arguments(command: &mut Command, folder: &Path, port: u16) {
    let at = |name: &str| folder.join(name).display().to_string();
    command.args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("pid")]);
    command.args(["-H", &format!("unix://{}", at("sock"))]);
    command.args(["-H", &format!("tcp://127.0.0.1:{port}"), "--storage-driver", "vfs"]);
    command.args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false"]);
    command.args(["--ip-masq=false", "--shutdown-timeout", "1"]);
}

/// What the log says once requests are answered: the port is open before.
fn ready(port: u16) -> String {
    format!("API listen on 127.0.0.1:{port}")
}

fn put(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).expect("written");
    path
}
