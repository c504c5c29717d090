//! `remora apply`: rebuild a target image from its base and a delta.

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::image::ImageReference;
use remora::v3::{self, ApplyOptions, DeltaReport};
use serde::Serialize;

use super::access::{self, AccessArguments};
use super::delta_place::DeltaPlace;
use super::failure::Failure;
use super::report;
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  Rebuild version 2 from version 1 and the delta between them:
    remora apply registry.example.com/app:1 registry.example.com/app:delta-1-2 --output oci:app:2
  With a docker engine at both ends:
    docker save app:1 | remora apply docker-archive:- registry.example.com/app:delta-1-2 \\
      --output docker-archive:-:app:2 | docker load";

/// Rebuild the target image from its base and a delta.
///
/// Takes any v3 delta, Remora's or balena-engine's. Every command is checked against the base and
/// every layer against its digest; nothing is left behind where something does not fit.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Apply {
    /// The image that the delta was made from
    base: ImageReference,
    /// The delta
    delta: DeltaPlace,
    /// Where the rebuilt image goes
    #[arg(short, long, value_name = "REFERENCE")]
    output: ImageReference,
    #[command(flatten)]
    access: AccessArguments,
}

impl Apply {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let delta = self.delta.image()?;
        access::refuse_stdin_twice([&self.base, delta])?;
        let to_stdout = access::claim_stdout(&self.output, session)?;
        let transports = self.access.transports()?;
        let base = transports.open(&self.base, &self.access.platform())?;
        let delta = transports.open(delta, &self.access.platform())?;
        let store = self.access.store()?;
        let options = ApplyOptions::for_destination(&self.output);
        let rebuilt = v3::apply(&base, &delta, &store, options, session.progress())?;
        transports.write(&self.output, rebuilt.contents(), session.progress())?;
        let summary = Summary { output: self.output.to_string(), report: rebuilt.report() };
        session.summary(&summary, to_stdout)
    }
}

/// What was rebuilt.
#[derive(Serialize)]
struct Summary<'a> {
    output: String,
    #[serde(flatten)]
    report: &'a DeltaReport,
}

impl Display for Summary<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "image:   {}", self.output)?;
        report::write_images(out, &self.report.base_id, &self.report.target_id)?;
        report::write_effort(out, self.report.total.seconds, self.report.total.peak_memory)
    }
}
