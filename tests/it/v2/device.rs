//! A device, as docker-delta has it: a hard-link copy of the base, and rsync that reads a batch.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::tools::missing;

/// The rsync that is tested against: the system's, or the one that `REMORA_RSYNC` names.
fn rsync() -> OsString {
    std::env::var_os("REMORA_RSYNC").unwrap_or("rsync".into())
}

/// The files of a device on their way from base to target.
pub(crate) struct Device {
    root: TempDir,
}

impl Device {
    /// Copies `base` as devices do.
    pub(crate) fn with(base: &Path) -> Self {
        let device = Device { root: TempDir::new().expect("a folder") };
        let link_to = base.canonicalize().expect("there");
        let status = Command::new(rsync())
            .args(["--archive", "--delete", "--link-dest"])
            .args([link_to.as_path(), &base.join("")])
            .arg(device.files())
            .status()
            .unwrap_or_else(|error| missing("rsync", &error));
        assert!(status.success(), "the copy failed");
        device
    }

    /// Where the files are.
    pub(crate) fn files(&self) -> PathBuf {
        self.root.path().join("files")
    }

    /// Gives the batch in `delta` to rsync. Returns its exit code (124 after `seconds`: rsync hangs
    /// on short batches) and what it said.
    pub(crate) fn apply(&self, delta: &[u8], seconds: u32) -> (Option<i32>, String) {
        let metadata = delta.iter().position(|&byte| byte == 0).expect("metadata ends");
        let mut child = Command::new("timeout")
            .arg(seconds.to_string())
            .arg(rsync())
            .args(["--archive", "--delete", "--read-batch", "-"])
            .arg(self.files())
            .stdin(Stdio::piped())
            .stdout(fs::File::create(self.root.path().join("log")).expect("a log"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| missing("timeout", &error));
        let mut input = child.stdin.take().expect("piped");
        // rsync may stop reading at any point.
        let _ = input.write_all(&delta[metadata + 1..]);
        drop(input);
        let output = child.wait_with_output().expect("it ran");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
