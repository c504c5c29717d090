//! Debian's `docker-registry` on a free loopback port, for as long as a test needs it.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools;

/// How long a registry may take to start.
const START_TRIES: u32 = 200;
const START_PAUSE: Duration = Duration::from_millis(50);

/// A running registry; it ends and its data goes when this is dropped.
pub(crate) struct RegistryServer {
    process: Child,
    port: u16,
    folder: TempDir,
}

/// Who may use a registry.
pub(crate) enum Access<'a> {
    /// Anybody.
    Open,
    /// One user, with Basic authentication.
    Password(&'a str, &'a str),
    /// Whoever has a token of the server with this URL, signed by this certificate (PEM).
    Token { realm: &'a str, certificate: &'a str },
    /// The same where the API of an openBalena installation signs, for a registry that is called
    /// `host` by everybody.
    Balena { realm: &'a str, certificate: &'a str, issuer: &'a str, host: &'a str },
}

/// A certificate for 127.0.0.1 and its key, in PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
    /// Whoever has a certificate of this authority (PEM) is let in, and nobody else.
    pub(crate) clients: Option<String>,
}

impl Identity {
    /// A fresh one, signed by itself.
    pub(crate) fn new() -> Self {
        let signed =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]);
        let rcgen::CertifiedKey { cert, signing_key } = signed.expect("a key pair");
        Identity { certificate: cert.pem(), key: signing_key.serialize_pem(), clients: None }
    }
}

impl RegistryServer {
    /// Starts a registry that anybody may use in plain HTTP.
    pub(crate) fn open() -> Self {
        Self::start(&Access::Open, None)
    }

    /// Starts a registry, with TLS if there is an identity.
    pub(crate) fn start(access: &Access<'_>, identity: Option<&Identity>) -> Self {
        // Somebody else may take the port between choosing and using it.
        for _ in 0..5 {
            let folder = tempfile::tempdir().expect("a folder");
            let port = free_port();
            let config = config(&folder, port, access, identity);
            if let Some(process) = started(&folder, &config, port) {
                return RegistryServer { process, port, folder };
            }
        }
        panic!("docker-registry does not start");
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The same place by an address that is not taken for this machine's own: plain HTTP is not for it.
    pub(crate) fn distant_address(&self) -> String {
        format!("0.0.0.0:{}", self.port)
    }

    /// The requests it answered so far, one a line: `"METHOD /path HTTP/1.1" STATUS …`.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("readable log")
    }

    /// Where it keeps its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// How many of the answered requests contain `text`.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }
}

impl Drop for RegistryServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that nobody listens on at the moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// The configuration as JSON, which is YAML too.
fn config(folder: &TempDir, port: u16, access: &Access<'_>, identity: Option<&Identity>) -> Value {
    let file = |name: &str, content: &str| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("written");
        path
    };
    let mut http = json!({ "addr": format!("127.0.0.1:{port}") });
    if let Some(identity) = identity {
        let certificate = file("tls.pem", &identity.certificate);
        http["tls"] = json!({ "certificate": certificate, "key": file("tls.key", &identity.key) });
        if let Some(clients) = &identity.clients {
            http["tls"]["clientcas"] = json!([file("clients.pem", clients)]);
        }
    }
    let mut config = json!({
        "version": "0.1",
        "log": { "level": "error" },
        "storage": { "filesystem": { "rootdirectory": folder.path().join("data") } },
        "http": http,
    });
    match access {
        Access::Open => {}
        Access::Password(user, password) => {
            let line = tools::run("htpasswd", &["-Bbn", user, password]);
            config["auth"] =
                json!({ "htpasswd": { "realm": "test", "path": file("htpasswd", &line) } });
        }
        Access::Token { realm, certificate } => {
            config["auth"] = json!({ "token": {
                "realm": realm, "service": "test-registry", "issuer": "test-issuer",
                "rootcertbundle": file("token.pem", certificate),
            }});
        }
        Access::Balena { realm, certificate, issuer, host } => {
            config["auth"] = json!({ "token": {
                "realm": realm, "service": host, "issuer": issuer,
                "rootcertbundle": file("token.pem", certificate),
            }});
            config["storage"]["delete"] = json!({ "enabled": true });
        }
    }
    config
}

/// Starts the program and waits until it listens; `None` if it ends instead.
fn started(folder: &TempDir, config: &Value, port: u16) -> Option<Child> {
    let path = folder.path().join("config.yml");
    fs::write(&path, config.to_string()).expect("written");
    let log = File::create(folder.path().join("log")).expect("created");
    let errors = File::create(folder.path().join("errors")).expect("created");
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(path).stdout(log).stderr(errors);
    let mut process =
        command.spawn().unwrap_or_else(|error| tools::missing("docker-registry", &error));
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
