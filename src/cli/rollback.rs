//! `remora rollback`: back to an earlier deployment.

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::deploy::{self, DeploymentName, RollbackReport};
use serde::Serialize;

use super::deployment_arguments::DeploymentArguments;
use super::failure::Failure;
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  remora rollback app
  To a certain one of those that remora deployments lists:
    remora rollback app --to 3";

/// Go back to the deployment before the current one.
///
/// A link is replaced in one step; nothing is fetched or copied. remora deploy leaves the image alone that was current,
/// unless it is told otherwise.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Rollback {
    /// The name that it is deployed under
    name: DeploymentName,
    /// The number of the deployment [default: the one before the current one]
    #[arg(long, value_name = "NUMBER")]
    to: Option<u64>,
    #[command(flatten)]
    deployments: DeploymentArguments,
}

impl Rollback {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let site = self.deployments.open()?.site(&self.name);
        let report = deploy::rollback(&site, self.to)?;
        session.summary(&Answer { name: self.name.to_string(), report }, false)
    }
}

/// What is current now.
#[derive(Serialize)]
struct Answer {
    name: String,
    #[serde(flatten)]
    report: RollbackReport,
}

impl Display for Answer {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let RollbackReport { from_number, from, current, .. } = &self.report;
        writeln!(out, "name:    {}", self.name)?;
        writeln!(out, "image:   {} (number {})", current.image, current.number)?;
        match self.report.is_unchanged() {
            true => writeln!(out, "note:    that deployment was current already"),
            false => {
                let before = from.as_ref().map_or("an unknown image", |from| &from.image);
                writeln!(out, "before:  {before} (number {from_number})")
            }
        }
    }
}
