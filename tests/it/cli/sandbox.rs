//! A folder of its own for a test, with a store, and `remora` run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The fixture layout, from the sandbox's folder.
pub(super) const LAYOUT: &str = "oci:thermostat";

/// A folder with the fixture in it, and nothing of the user's around.
pub(super) struct Sandbox {
    folder: TempDir,
}

/// What a run of `remora` came to.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

impl Sandbox {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        for name in ["thermostat", "thermostat-1.0.tar"] {
            std::os::unix::fs::symlink(fixtures.join(name), folder.path().join(name))
                .expect("link");
        }
        Sandbox { folder }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `remora` with these arguments, separated by blanks, ready to run.
    pub(super) fn command(&self, arguments: &str) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_remora"));
        command.args(arguments.split_whitespace());
        command
    }

    /// A program that is to run in the sandbox, without what the user's environment says.
    pub(super) fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path());
        command.env_clear().env("REMORA_STORE", "store").env("HOME", self.folder.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs `remora` with these arguments.
    pub(super) fn run(&self, arguments: &str) -> Ran {
        self.command(arguments).output().expect("remora runs").into()
    }

    /// Runs `remora`, which must succeed.
    pub(super) fn succeed(&self, arguments: &str) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "remora {arguments}\n{}", ran.stderr);
        ran
    }

    /// Makes the delta between the fixture's releases as `oci:delta`.
    pub(super) fn create_delta(&self) {
        self.succeed("create oci:thermostat:1.0 oci:thermostat:1.1 --output oci:delta --quiet");
    }

    /// Every file and folder below `name`, but the fixture.
    pub(super) fn tree(&self, name: &str) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).expect("readable folder") {
                let path = entry.expect("entry").path();
                if path.is_dir() && !path.is_symlink() {
                    walk(&path, found);
                }
                found.push(path);
            }
        }
        let mut found = Vec::new();
        walk(&self.path(name), &mut found);
        found
    }

    /// Fails if a file is left that somebody was still writing.
    pub(super) fn assert_nothing_temporary(&self) {
        let ours = remora::temporary::PREFIX;
        let is_ours = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(ours))
        };
        let left: Vec<PathBuf> = self.tree(".").into_iter().filter(is_ours).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Ran {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("messages are text"),
        }
    }
}

impl Ran {
    /// What was printed on stdout, as text.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("answers are text")
    }

    /// What was printed on stdout, as one JSON document.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).expect("stdout is one JSON document")
    }
}
