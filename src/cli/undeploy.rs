//! `remora undeploy`: the end of what is deployed under a name.

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::deploy::{self, DeploymentName, UndeployReport};
use remora::store::Store;
use remora::user_namespace;
use serde::Serialize;

use super::access::StoreArguments;
use super::deployment_arguments::DeploymentArguments;
use super::failure::Failure;
use super::session::Session;
use super::units;

const EXAMPLES: &str = "\
Examples:
  remora undeploy app
  The layers and files that nothing else needs, too:
    remora rmi registry.example.com/app:2
    remora store gc --older-than 0s
  What was on a disk that never comes back:
    remora undeploy app --deployments /media/disk/deployments --forget";

/// Remove everything that is deployed under a name.
///
/// All deployments go, the current one too, unless something of them runs. The store keeps layers and files until they are
/// collected.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Undeploy {
    /// The name that it is deployed under
    name: DeploymentName,
    /// Have the store forget deployments too whose disk is not mounted, and keep nothing for them any more
    #[arg(long)]
    forget: bool,
    #[command(flatten)]
    deployments: DeploymentArguments,
    #[command(flatten)]
    store: StoreArguments,
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
        let store = self.store()?;
        let report = deploy::undeploy(&site, store.as_ref(), self.forget)?;
        session.summary(&Answer { name: self.name.to_string(), report }, false)
    }

    /// The store that is to forget what goes. One that cannot be opened keeps no deployment from going.
    fn store(&self) -> Result<Option<Store>, Failure> {
        match self.store.open_if_there() {
            Err(failure) if self.forget => Err(failure),
            opened => Ok(opened.unwrap_or_default()),
        }
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
        writeln!(out, "removed: {}", units::several(removed, "deployment"))?;
        let forgotten = &self.report.forgotten;
        forgotten.iter().try_for_each(|rootfs| writeln!(out, "forgotten: {}", rootfs.display()))
    }
}
