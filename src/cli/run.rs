//! `remora run`: starts what is deployed.

use std::os::unix::process::CommandExt as _;

use clap::Args;
use remora::Cause;
use remora::deploy::{self, DeploymentName};

use super::deployment_arguments::{DeploymentArguments, RuntimeArguments};
use super::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  remora run app
  In a unit of systemd, with deploy/systemd/remora-host@.service:
    systemctl --user start remora-host@app";

/// Start the current deployment of a name with an OCI runtime.
///
/// Remora becomes the runtime: signals, standard input and output and the exit code are the container's. The deployment
/// stays on disk for as long as it runs, whatever is deployed meanwhile.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    /// The name that it is deployed under
    name: DeploymentName,
    #[command(flatten)]
    runtime: RuntimeArguments,
    #[command(flatten)]
    deployments: DeploymentArguments,
}

impl Run {
    /// Returns only if the runtime cannot be started.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let site = self.deployments.open()?.site(&self.name);
        let runtime = self.runtime.find()?;
        let (_, mut command) = deploy::start_command(&site, &runtime)?;
        let error = command.exec();
        let program = command.get_program().to_string_lossy().into_owned();
        let hint = "name the program with --runtime";
        Err(Failure::new(Cause::of_io(&error), format!("cannot start {program}: {error}"), hint))
    }
}
