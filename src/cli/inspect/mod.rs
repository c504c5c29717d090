//! `remora inspect`: what a delta is made of.

mod artifact;
mod head;

use std::fmt::{self, Display, Formatter};
use std::fs::File;

use clap::Args;
use remora::Dialect;
use remora::apply::LayerDeltas;
use remora::artifact::ArtifactDelta;
use remora::image::{Digest, ImageId, ImageReference};
use remora::rootfs::{SparseFiles, Tree};
use remora::v2::{self, Inspection};
use remora::v3::{self, DeltaReport};
use serde::Serialize;

use self::artifact::InspectedArtifact;
use self::head::Head;
use super::access::AccessArguments;
use super::delta_place::{self, DeltaPlace};
use super::failure::Failure;
use super::image_name;
use super::report;
use super::session::Session;
use super::units;

const EXAMPLES: &str = "\
Examples:
  Which images does a delta connect, and what do its layers cost?
    remora inspect registry.example.com/app:delta-1-2
  The same of a delta for hosts on a USB stick, and which signatures it brings:
    remora inspect oci-archive:stick.tar
  For a script:
    remora inspect docker-archive:delta.tar --json | jq .target_id
  Does a v2 delta apply to this image?
    remora inspect app-1-2.delta --base oci:app:1";

/// Show which images a delta of any format connects, and what it is made of.
///
/// A v3 delta has layers and commands, one of the formats remora and oci-delta layers, streams and perhaps signatures of
/// the image that it makes, a v2 delta names and files. Signatures are listed, not checked.
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
                        let delta_bytes = LayerDeltas::of(delta, progress)?.bytes();
                        session.answer(&InspectedV3::of(report, delta_bytes))
                    }
                }
            }
            DeltaPlace::File(path) => {
                let file = File::open(path).map_err(|error| {
                    Failure::io(format!("cannot open {}", path.display()), &error)
                })?;
                delta_place::refuse_other_file(path)?;
                let report = self.inspect_v2(file, session)?;
                session.answer(&InspectedV2::of(report))
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
    delta_bytes: u64,
    /// A delta image brings neither the target's manifest nor signatures of that.
    target_digest: Option<Digest>,
    signatures: [(); 0],
    #[serde(flatten)]
    report: DeltaReport,
}

impl InspectedV3 {
    fn of(report: DeltaReport, delta_bytes: u64) -> Self {
        let format = Dialect::V3;
        InspectedV3 { format, delta_bytes, target_digest: None, signatures: [], report }
    }
}

impl Display for InspectedV3 {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        let head = Head {
            format: self.format,
            maker: None,
            digest: report.delta_digest,
            images: Some((&report.base_id, &report.target_id)),
            brings: Vec::new(),
            bytes: self.delta_bytes,
        };
        write!(out, "{head}\n{}", report::layer_table(report))
    }
}

/// What a v2 delta is made of.
#[derive(Serialize)]
struct InspectedV2 {
    format: Dialect,
    /// A v2 delta names no image, and has no manifest.
    base_id: Option<ImageId>,
    target_id: Option<ImageId>,
    delta_digest: Option<Digest>,
    target_digest: Option<Digest>,
    #[serde(flatten)]
    report: Inspection,
}

impl InspectedV2 {
    fn of(report: Inspection) -> Self {
        InspectedV2 {
            format: Dialect::V2,
            base_id: None,
            target_id: None,
            delta_digest: None,
            target_digest: None,
            report,
        }
    }
}

impl Display for InspectedV2 {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        let maker =
            if report.made_by_remora { "Remora, its checksum holds" } else { "another tool" };
        let head = Head {
            format: self.format,
            maker: Some(maker),
            digest: None,
            images: None,
            brings: Vec::new(),
            bytes: report.delta_bytes,
        };
        write!(out, "{head}")?;
        let list = if report.pruned { "only those that change" } else { "all of the target" };
        writeln!(out, "names:   {}, {list}", units::count(report.entries.total))?;
        writeln!(out, "files:   {} with new content", units::count(report.records))?;
        writeln!(out, "new:     {}", units::bytes(report.literal_bytes))?;
        let (matched, runs) = (units::bytes(report.matched_bytes), units::count(report.runs));
        writeln!(out, "matched: {matched} in {runs} runs")
    }
}
