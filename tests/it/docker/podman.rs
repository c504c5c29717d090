//! Podman's service, which speaks the Docker Engine's API in its own way.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::process::Process;
use crate::registry_server::free_port;

/// A running service; it ends and its data goes when this is dropped.
pub(crate) struct Podman {
    _process: Process,
    port: u16,
    _folder: TempDir,
}

impl Podman {
    pub(crate) fn start() -> Self {
        Self::start_beside("127.0.0.1:9")
    }

    /// One that speaks plain HTTP to the registry at this address.
    pub(crate) fn start_beside(registry: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("remora-podman").tempdir_in("/var/tmp");
        let (folder, port) = (folder.expect("a folder"), free_port());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let registries = format!("[[registry]]\nlocation = \"{registry}\"\ninsecure = true\n");
        fs::write(folder.path().join("registries"), registries).expect("written");
        let mut command = Command::new("podman");
        command.env("CONTAINERS_REGISTRIES_CONF", at("registries"));
        command.args(["--root", &at("data"), "--runroot", &at("run"), "--tmpdir", &at("tmp")]);
        // crun, which is podman's own choice, refuses machines with both versions of cgroups.
        command.args(["--runtime", "runc", "--cgroup-manager", "cgroupfs"]);
        command.args(["--storage-driver", "vfs", "--events-backend", "file"]);
        command.args(["system", "service", "--time", "0", &format!("tcp:127.0.0.1:{port}")]);
        let process = Process::start(command, folder.path(), port, "");
        Podman { _process: process, port, _folder: folder }
    }

    /// `tcp://127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }
}
