//! haproxy in front of several servers.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use crate::registry_server::free_port;

const START_TRIES: u32 = 200;
const START_PAUSE: Duration = Duration::from_millis(25);

/// What openBalena's haproxy has, as far as devices' requests for deltas meet with it.
const SETTINGS: &str = "\
    global\n  maxconn 8000\n\
    defaults\n  mode http\n  timeout connect 5s\n  timeout client 63s\n  timeout server 63s\n";

/// A running haproxy; it is ended when this is dropped.
pub(crate) struct Balancer {
    process: Child,
    port: u16,
}

impl Balancer {
    /// One that leads to these servers in turn; its configuration is written into `folder`.
    pub(crate) fn start(folder: &Path, servers: &[String]) -> Self {
        let port = free_port();
        let mut text = format!(
            "{SETTINGS}frontend devices\n  bind 127.0.0.1:{port}\n  default_backend servers\n\
             backend servers\n  balance roundrobin\n"
        );
        for (number, address) in servers.iter().enumerate() {
            text.push_str(&format!("  server s{number} {address}\n"));
        }
        let path = folder.join("haproxy.cfg");
        fs::write(&path, text).expect("written");
        let process = Command::new("haproxy").arg("-db").arg("-f").arg(&path).spawn();
        let process = process.expect("haproxy is missing: apt-get install haproxy");
        let balancer = Balancer { process, port };
        balancer.wait_until_it_listens();
        balancer
    }

    fn wait_until_it_listens(&self) {
        for _ in 0..START_TRIES {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(START_PAUSE);
        }
        panic!("haproxy does not listen");
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
