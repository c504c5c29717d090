//! `remora inspect`: what a delta is made of.

mod artifact;

use std::fmt::{self, Display, Formatter};
use std::fs::File;

use clap::Args;
use remora::Dialect;
use remora::artifact::ArtifactDelta;
use remora::image::ImageReference;
use remora::rootfs::{SparseFiles, Tree};
use remora::v2::{self, Inspection};
use remora::v3::{self, DeltaReport};
use serde::Serialize;

use self::artifact::InspectedArtifact;
use super::access::AccessArguments;
use super::delta_place::{self, DeltaPlace};
use super::failure::Failure;
use super::image_name;
use super::report;
use super::session::Session;
use super::units;

const EXAMPLES: &str = "\
Examples:
  remora inspect registry.example.com/app:delta-1-2
  remora inspect docker-archive:delta.tar --json | jq .target_id
  remora inspect app-1-2.delta --base oci:app:1";

/// Show which images a delta connects, its layers and commands.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Inspect {
    /// The delta, Remora's or another's: a reference, or the file of a v2 delta
    delta: DeltaPlace,
    /// The image that a v2 delta applies to: every file is rebuilt, to see whether it does
    #[arg(long, value_name = "REFERENCE", value_parser = image_name::input)]
    base: Option<ImageReference>,
    #[command(flatten)]
    access: AccessArguments,
}

impl Inspect {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        match &self.delta {
            DeltaPlace::Image(_) if self.base.is_some() => Err(Failure::usage(
                "--base means nothing to a delta that is no v2 delta",
                "leave it out; remora apply checks a delta with its base",
            )),
            DeltaPlace::Image(reference) => {
                let transports = self.access.transports(&[reference])?;
                let delta = self.access.open_any(&transports, reference)?;
                let (limits, progress) = (self.access.limits(), session.progress());
                match delta.artifact_type() {
                    Some(_) => {
                        let delta = ArtifactDelta::of(&delta, progress)?;
                        session.answer(&InspectedArtifact::of(&delta, &limits, session)?)
                    }
                    None => {
                        let report = v3::inspect(&delta, &limits, progress)?;
                        session.answer(&InspectedV3 { format: Dialect::V3, report })
                    }
                }
            }
            DeltaPlace::File(path) => {
                let file = File::open(path).map_err(|error| {
                    Failure::io(format!("cannot open {}", path.display()), &error)
                })?;
                delta_place::refuse_other_file(path)?;
                let report = self.inspect_v2(file, session)?;
                session.answer(&InspectedV2 { format: Dialect::V2, report })
            }
        }
    }

    fn inspect_v2(&self, file: File, session: &Session) -> Result<Inspection, Failure> {
        let Some(base) = &self.base else { return Ok(v2::inspect(file, None)?) };
        let base = self.access.open(&self.access.transports(&[base])?, base)?;
        let store = self.access.store()?;
        let layers = store.ensure_layers(&[&base], session.progress())?.remove(0);
        let layers: Vec<&[u8]> = layers.iter().map(|layer| &layer[..]).collect();
        let sparse = SparseFiles::of_layers(&layers)?;
        Ok(v2::inspect(file, Some(&Tree::from_layers(&layers, &sparse)?))?)
    }
}

/// What a v3 delta is made of.
#[derive(Serialize)]
struct InspectedV3 {
    format: Dialect,
    #[serde(flatten)]
    report: DeltaReport,
}

impl Display for InspectedV3 {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if let Some(digest) = self.report.delta_digest {
            writeln!(out, "digest:  {digest}")?;
        }
        report::write_images(out, &self.report.base_id, &self.report.target_id)?;
        write!(out, "\n{}", report::layer_table(&self.report))
    }
}

/// What a v2 delta is made of.
#[derive(Serialize)]
struct InspectedV2 {
    format: Dialect,
    #[serde(flatten)]
    report: Inspection,
}

impl Display for InspectedV2 {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        let maker =
            if report.made_by_remora { "Remora, its checksum holds" } else { "another tool" };
        writeln!(out, "made by: {maker}")?;
        writeln!(out, "size:    {}", units::bytes(report.delta_bytes))?;
        let list = if report.pruned { "only those that change" } else { "all of the target" };
        writeln!(out, "names:   {}, {list}", units::count(report.entries.total))?;
        writeln!(out, "files:   {} with new content", units::count(report.records))?;
        writeln!(out, "new:     {}", units::bytes(report.literal_bytes))?;
        let (matched, runs) = (units::bytes(report.matched_bytes), units::count(report.runs));
        writeln!(out, "matched: {matched} in {runs} runs")
    }
}
