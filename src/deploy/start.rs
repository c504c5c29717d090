//! What is started of a deployment.

use std::os::fd::AsFd as _;
use std::process::Command;

use super::DeployError;
use super::containers::{id_start, make_way};
use super::folder::{Site, refuse_foreign};
use super::record::Deployment;
use super::runtime::Runtime;

/// Returns what starts the deployment of `site` that is current, in the place of this process: the deployment stays on
/// disk for as long as the process runs that is made of it.
///
/// # Errors
/// If nothing is deployed there, or its folder cannot be used.
pub fn start_command(site: &Site, runtime: &Runtime) -> Result<(Deployment, Command), DeployError> {
    refuse_foreign(site.path())?;
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
    let start = id_start(site.name().as_str(), current.number);
    make_way(runtime, &state, &start);
    let id = format!("{start}{}", std::process::id());
    Ok((current, runtime.command(&state, &bundle, None, &id)))
}
