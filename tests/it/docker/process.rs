//! The process of an engine, and what it leaves mounted.

use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use crate::tools;

/// How long an engine may take to start: minutes where many do at once.
const START_TRIES: u32 = 1200;
/// How long it may take to end by itself.
const STOP_TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// A running engine.
pub(crate) struct Process {
    child: Child,
    folder: PathBuf,
}

impl Process {
    /// Starts `command`, whose data is in `folder`, and waits until somebody listens at `port` and the log has `ready`.
    pub(super) fn start(command: Command, folder: &Path, port: u16, ready: &str) -> Self {
        Self::start_until(command, folder, || {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            log.contains(ready) && TcpStream::connect(("127.0.0.1", port)).is_ok()
        })
    }

    /// The same for what listens at a socket.
    pub(crate) fn start_at_socket(command: Command, folder: &Path, socket: &Path) -> Self {
        Self::start_until(command, folder, || UnixStream::connect(socket).is_ok())
    }

    fn start_until(mut command: Command, folder: &Path, is_ready: impl Fn() -> bool) -> Self {
        let log = File::create(folder.join("log")).expect("a log");
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().unwrap_or_else(|error| tools::missing(&program, &error));
        let mut process = Process { child, folder: folder.to_owned() };
        for _ in 0..START_TRIES {
            let is_over = process.child.try_wait().expect("a child").is_some();
            if is_over {
                break;
            }
            if is_ready() {
                return process;
            }
            std::thread::sleep(PAUSE);
        }
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        panic!("{program} does not start (it needs root): {log}");
    }

    /// Kills it at once, with the containerd that it started.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.kill_rest();
    }

    fn stop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).output();
        for _ in 0..STOP_TRIES {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Kills what the engine left running: containerd, shims and steps of builds. All of them name the folder.
    fn kill_rest(&self) {
        let folder = self.folder.to_string_lossy().into_owned();
        let Ok(processes) = fs::read_dir("/proc") else { return };
        for process in processes.flatten() {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let names = String::from_utf8_lossy(&command).contains(&folder);
            let id = process.file_name().to_string_lossy().into_owned();
            if names && id.parse::<u32>().is_ok_and(|id| id != std::process::id()) {
                let _ = Command::new("kill").args(["-KILL", &id]).output();
            }
        }
    }

    fn unmount(&self) {
        let folder = self.folder.to_string_lossy().into_owned();
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let own = places.filter(|place| place.starts_with(&folder));
        // The last one mounted is the first to go.
        for place in own.collect::<Vec<_>>().into_iter().rev() {
            let _ = Command::new("umount").args(["--lazy", place]).output();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
        self.kill_rest();
        self.unmount();
    }
}
