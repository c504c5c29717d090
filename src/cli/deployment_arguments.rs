//! Where deployments are: the options of every command that is about one.

use std::path::PathBuf;

use clap::Args;
use remora::deploy::{Deployments, Runtime};

use super::failure::Failure;

/// The folder of deployments.
#[derive(Debug, Args)]
pub(super) struct DeploymentArguments {
    /// The folder of deployments [default: remora/deployments in the user's data directory]
    #[arg(long, env = "REMORA_DEPLOYMENTS", hide_env_values = true, value_name = "DIR")]
    deployments: Option<PathBuf>,
}

/// The program that starts containers.
#[derive(Debug, Args)]
pub(super) struct RuntimeArguments {
    /// The OCI runtime [default: runc, crun or youki, whichever is on PATH first]
    #[arg(long, value_name = "PROGRAM")]
    runtime: Option<PathBuf>,
}

impl DeploymentArguments {
    /// All deployments.
    pub(super) fn open(&self) -> Result<Deployments, Failure> {
        let path = self.deployments.clone().map_or_else(Deployments::default_path, Ok)?;
        Ok(Deployments::in_folder(path))
    }
}

impl RuntimeArguments {
    /// The runtime.
    pub(super) fn find(&self) -> Result<Runtime, Failure> {
        Ok(self.runtime.clone().map_or_else(Runtime::find, |program| Ok(Runtime::at(program)))?)
    }
}
