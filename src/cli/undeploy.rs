//! `remora undeploy`: the end of what is deployed under a name.

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::deploy::{self, DeploymentName, UndeployReport};
use remora::user_namespace;
use serde::Serialize;

use super::deployment_arguments::DeploymentArguments;
use super::failure::Failure;
use super::session::Session;
use super::units;

const EXAMPLES: &str = "\
Examples:
  remora undeploy app
  The layers and files that nothing else needs, too:
    remora rmi registry.example.com/app:2
    remora store gc --older-than 0s";

/// Remove everything that is deployed under a name.
///
/// All deployments go, the current one too, unless something of them runs. The store keeps layers and files until they are
/// collected.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Undeploy {
    /// The name that it is deployed under
    name: DeploymentName,
    #[command(flatten)]
    deployments: DeploymentArguments,
}

impl Undeploy {
    /// Has this process become root in a user namespace if an ordinary user may have files of several users.
    pub(super) fn enter_namespace(&self) {
        if !rustix::process::geteuid().is_root() {
            // Without one the user's own files can be removed.
            let _ = user_namespace::enter();
        }
    }

    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let site = self.deployments.open()?.site(&self.name);
        let report = deploy::undeploy(&site)?;
        session.summary(&Answer { name: self.name.to_string(), report }, false)
    }
}

/// What was removed.
#[derive(Serialize)]
struct Answer {
    name: String,
    #[serde(flatten)]
    report: UndeployReport,
}

impl Display for Answer {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "name:    {}", self.name)?;
        let removed = self.report.removed.len() as u64;
        writeln!(out, "removed: {}", units::several(removed, "deployment"))
    }
}
