//! Debian's `containerd`, for as long as a test needs it.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::docker::Process;

/// A running containerd; it ends and its data goes when this is dropped.
pub(super) struct Containerd {
    _process: Process,
    folder: TempDir,
}

impl Containerd {
    pub(super) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("remora-containerd").tempdir_in("/var/tmp");
        let folder = folder.expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "version = 2\nroot = {:?}\nstate = {:?}\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
             [grpc]\naddress = {:?}\n\
             [plugins.\"io.containerd.internal.v1.opt\"]\npath = {:?}\n",
            at("root"),
            at("state"),
            at("sock"),
            at("opt"),
        );
        fs::write(folder.path().join("config.toml"), config).expect("written");
        let mut command = Command::new("containerd");
        command.args(["--config", &at("config.toml")]);
        let process = Process::start_at_socket(command, folder.path(), &folder.path().join("sock"));
        Containerd { _process: process, folder }
    }

    /// Its client.
    pub(super) fn ctr(&self) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(self.folder.path().join("sock"));
        command
    }
}
