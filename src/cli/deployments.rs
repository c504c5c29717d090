//! `remora deployments`: what is deployed.

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::deploy::{Deployment, DeploymentName, Site};
use serde::Serialize;

use super::deployment_arguments::DeploymentArguments;
use super::failure::Failure;
use super::session::Session;
use super::table::{Align, Table};

const EXAMPLES: &str = "\
Examples:
  remora deployments
  For a script: where the current bundle of app is
    remora deployments app --json | jq -r '.deployments[] | select(.current) | .bundle'";

/// List what is deployed, and what can be gone back to.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ListDeployments {
    /// The name that it is deployed under [default: all]
    name: Option<DeploymentName>,
    #[command(flatten)]
    deployments: DeploymentArguments,
}

impl ListDeployments {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let deployments = self.deployments.open()?;
        let sites = match &self.name {
            Some(name) => vec![deployments.site(name)],
            None => deployments.sites()?,
        };
        if let (Some(_), [site]) = (&self.name, &sites[..]) {
            site.current()?;
        }
        let rows = sites.iter().map(rows).collect::<Result<Vec<_>, _>>()?;
        session.answer(&Listed { deployments: rows.into_iter().flatten().collect() })
    }
}

fn rows(site: &Site) -> Result<Vec<Row>, Failure> {
    let current = site.current().ok().map(|current| current.number);
    let row = |deployment: Deployment| Row {
        name: site.name().to_string(),
        current: Some(deployment.number) == current,
        bundle: site.bundle(deployment.number).display().to_string(),
        deployed_at: humantime::format_rfc3339_seconds(deployment.deployed()).to_string(),
        deployment,
    };
    Ok(site.deployments()?.into_iter().map(row).collect())
}

#[derive(Serialize)]
struct Row {
    name: String,
    current: bool,
    bundle: String,
    deployed_at: String,
    #[serde(flatten)]
    deployment: Deployment,
}

#[derive(Serialize)]
struct Listed {
    deployments: Vec<Row>,
}

impl Display for Listed {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.deployments.is_empty() {
            return writeln!(out, "nothing is deployed: remora deploy does it");
        }
        let mut table = Table::new(&[
            ("name", Align::Left),
            ("number", Align::Right),
            ("image", Align::Left),
            ("id", Align::Left),
            ("deployed", Align::Left),
            ("", Align::Left),
        ]);
        for row in &self.deployments {
            let state = match (row.current, row.deployment.rolled_back) {
                (true, _) => "current",
                (false, Some(_)) => "rolled back",
                (false, None) => "",
            };
            table.row([
                row.name.clone(),
                row.deployment.number.to_string(),
                row.deployment.image.clone(),
                row.deployment.id.0.short(),
                row.deployed_at.clone(),
                state.to_owned(),
            ]);
        }
        write!(out, "{table}")
    }
}
