//! The OCI runtime that starts containers: somebody else's program.

use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::DeployError;
use super::folder::Site;
use super::record::Deployment;

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

    /// What runs a bundle to its end in a container `id`; what the runtime writes down goes to `state`.
    pub(super) fn command(&self, state: &Path, bundle: &Path, id: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(state).arg("run").arg("--bundle").arg(bundle).arg(id);
        command
    }

    /// Ends what is left of a container.
    pub(super) fn kill(&self, state: &Path, id: &str) {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(state).args(["delete", "--force", id]);
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

/// Returns what starts the deployment of `site` that is current, in the place of this process: the deployment stays on
/// disk for as long as the process runs that is made of it.
///
/// # Errors
/// If nothing is deployed there, or its folder cannot be used.
pub fn start_command(site: &Site, runtime: &Runtime) -> Result<(Deployment, Command), DeployError> {
    let current = site.current()?;
    let folder = site.folder(current.number);
    let hold = || {
        let folder = site.open_folder(current.number)?;
        folder.lock_shared()?;
        // The lock goes with the process, and this one becomes the runtime.
        rustix::io::fcntl_setfd(folder.as_fd(), rustix::io::FdFlags::empty())?;
        std::mem::forget(folder);
        std::fs::canonicalize(site.bundle(current.number))
    };
    let bundle = hold().map_err(DeployError::io("use", &folder))?;
    let state = site.containers();
    std::fs::create_dir_all(&state).map_err(DeployError::io("make", &state))?;
    let id = format!("{}-{}-{}", site.name(), current.number, std::process::id());
    Ok((current, runtime.command(&state, &bundle, &id)))
}
