//! The OCI runtime that starts containers: somebody else's program.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::DeployError;

/// The runtimes that are looked for on PATH, the first first.
pub(super) const USUAL: [&str; 3] = ["runc", "crun", "youki"];

/// A program that starts containers as `runc` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    program: PathBuf,
}

impl Runtime {
    /// The runtime `program`.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Runtime { program: program.into() }
    }

    /// The first of the usual runtimes that is on PATH, or where system programs are.
    ///
    /// # Errors
    /// [`DeployError::NoRuntime`] if there is none.
    pub fn find() -> Result<Self, DeployError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> =
            std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).collect();
        let programs =
            USUAL.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let mut there = programs.filter(|program| program.is_file());
        there.next().map(Runtime::at).ok_or(DeployError::NoRuntime)
    }

    /// What runs a bundle to its end in a container `id`; what the runtime writes down goes to `state`, and the number of
    /// the container's process to the file `started`, if there is to be one, as soon as the container has started.
    pub(super) fn command(
        &self,
        state: &Path,
        bundle: &Path,
        started: Option<&Path>,
        id: &str,
    ) -> Command {
        let mut command = self.with_state(state);
        command.arg("run").arg("--bundle").arg(bundle);
        started.into_iter().for_each(|file| {
            command.arg("--pid-file").arg(file);
        });
        command.arg(id);
        command
    }

    fn with_state(&self, state: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(state);
        command
    }

    /// Returns whether the container lives. One that the runtime knows nothing of does not.
    pub(super) fn has_living(&self, state: &Path, id: &str) -> bool {
        let mut command = self.with_state(state);
        command.args(["state", id]).stdin(Stdio::null());
        match command.output() {
            Ok(output) => output.status.success() && !is_stopped(&output.stdout),
            Err(error) => {
                tracing::warn!("{}: {error}", self.program.display());
                true
            }
        }
    }

    /// Ends what is left of a container.
    pub(super) fn kill(&self, state: &Path, id: &str) {
        let mut command = self.with_state(state);
        command.args(["delete", "--force", id]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Err(error) = command.status() {
            tracing::warn!("{}: {error}", self.program.display());
        }
    }

    /// Makes an error of one at starting the program.
    pub(super) fn failed(&self) -> impl FnOnce(io::Error) -> DeployError {
        let program = self.program.clone();
        move |source| DeployError::Runtime { program, source }
    }
}

/// Whether the state of a container, as the OCI runtime spec has it, says that it has ended.
fn is_stopped(state: &[u8]) -> bool {
    let state: Result<serde_json::Value, _> = serde_json::from_slice(state);
    state.is_ok_and(|state| state["status"] == "stopped")
}
