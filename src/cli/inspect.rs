//! `remora inspect`: what a delta is made of.

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::image::ImageReference;
use remora::v3::{self, DeltaReport};
use serde::Serialize;

use super::access::AccessArguments;
use super::failure::Failure;
use super::report;
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  remora inspect registry.example.com/app:delta-1-2
  remora inspect docker-archive:delta.tar --json | jq .target_id";

/// Show which images a delta connects, its layers and commands.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Inspect {
    /// The delta, Remora's or balena-engine's
    delta: ImageReference,
    #[command(flatten)]
    access: AccessArguments,
}

impl Inspect {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let transports = self.access.transports()?;
        let delta = transports.open(&self.delta, &self.access.platform())?;
        session.answer(&Inspected { report: v3::inspect(&delta, session.progress())? })
    }
}

/// What the delta is made of.
#[derive(Serialize)]
struct Inspected {
    #[serde(flatten)]
    report: DeltaReport,
}

impl Display for Inspected {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if let Some(digest) = self.report.delta_digest {
            writeln!(out, "digest:  {digest}")?;
        }
        report::write_images(out, &self.report)?;
        write!(out, "\n{}", report::layer_table(&self.report))
    }
}
