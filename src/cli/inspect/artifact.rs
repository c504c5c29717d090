//! What a delta is made of that is an artifact.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use remora::Dialect;
use remora::artifact::{
    self, ArtifactDelta, InspectedLayer, Inspection as ArtifactReport, LayerForm,
};
use remora::image::{Digest, UnpackLimits, WholeArtifact};
use remora::trust;
use serde::Serialize;

use super::head::Head;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::cli::table::{Align, Table};
use crate::cli::units;

/// What a delta that is an artifact is made of.
#[derive(Serialize)]
pub(super) struct InspectedArtifact {
    format: Dialect,
    #[serde(flatten)]
    report: ArtifactReport,
    /// What the artifact brings as signatures of the target's manifest.
    signatures: Vec<InspectedSignature>,
}

/// A signature that nobody has checked.
#[derive(Serialize)]
struct InspectedSignature {
    /// The digest of the signature's own manifest.
    digest: Digest,
    /// Whether it is about the target's manifest.
    signs_target: bool,
    /// The name that it gives to the image, if it gives any.
    name: Option<String>,
}

impl InspectedArtifact {
    /// Looks into `delta`.
    pub(super) fn of(
        delta: &ArtifactDelta,
        limits: &UnpackLimits,
        session: &Session,
    ) -> Result<Self, Failure> {
        let progress = session.progress();
        let report = artifact::inspect(delta, limits, progress)?;
        let target = report.target_digest;
        let brought = delta.signatures(progress)?;
        let signatures = brought.iter().flat_map(|signature| stated(signature, target)).collect();
        Ok(InspectedArtifact { format: delta.dialect(), report, signatures })
    }
}

/// What the signatures in `brought` say of the manifest `target`.
fn stated(brought: &WholeArtifact, target: Option<Digest>) -> Vec<InspectedSignature> {
    let digest = brought.manifest().digest();
    // An artifact without the target's manifest has nothing that a signature could be about.
    let statements = trust::statements(brought, target.unwrap_or(digest));
    let signature = |statement: trust::Statement| {
        let signs_target = target.is_some() && statement.is_about;
        InspectedSignature { digest, signs_target, name: statement.name }
    };
    statements.into_iter().map(signature).collect()
}

impl Display for InspectedArtifact {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        let manifest = match report.target_digest {
            Some(digest) => format!("the target's manifest {digest}"),
            None => "no manifest of the target".to_owned(),
        };
        let signatures = self.signatures.iter().map(ToString::to_string);
        let head = Head {
            format: self.format,
            maker: None,
            digest: Some(report.delta_digest),
            images: Some((&report.base_id, &report.target_id)),
            brings: [manifest].into_iter().chain(signatures).collect(),
            bytes: report.delta_bytes,
        };
        write!(out, "{head}\n{}", artifact_layers(&report.layers))?;
        match artifact_streams(&report.layers) {
            Some(streams) => write!(out, "\n{streams}"),
            None => Ok(()),
        }
    }
}

impl Display for InspectedSignature {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let what = match self.signs_target {
            true => "of the target",
            false => "of something else than the target",
        };
        write!(out, "a signature {what}, not checked")?;
        match &self.name {
            Some(name) => write!(out, ": for {}", name.escape_debug()),
            None => Ok(()),
        }
    }
}

/// All layers, bottom first.
fn artifact_layers(layers: &[InspectedLayer]) -> Table {
    let mut table = Table::new(&[
        ("layer", Align::Left),
        ("comes", Align::Left),
        ("size", Align::Right),
        ("delta", Align::Right),
        ("chunks", Align::Right),
    ]);
    for layer in layers {
        let comes = match layer.form {
            LayerForm::Kept => "from the base",
            LayerForm::Delta => "by a delta",
            _ => "whole",
        };
        let chunks =
            if layer.chunks > 0 { units::count(layer.chunks as u64) } else { String::new() };
        table.row([
            layer.diff_id.0.short(),
            comes.to_owned(),
            layer.size.map_or_else(|| "?".to_owned(), units::bytes),
            units::bytes(layer.delta_bytes),
            chunks,
        ]);
    }
    table
}

/// The streams of all layers together, if the dialect has any.
fn artifact_streams(layers: &[InspectedLayer]) -> Option<Table> {
    let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (name, bytes) in layers.iter().flat_map(|layer| &layer.streams) {
        let sum = sums.entry(name).or_default();
        *sum = (sum.0 + bytes.raw, sum.1 + bytes.coded);
    }
    if sums.is_empty() {
        return None;
    }
    let mut table =
        Table::new(&[("stream", Align::Left), ("raw", Align::Right), ("coded", Align::Right)]);
    for (name, (raw, coded)) in sums {
        table.row([name.to_owned(), units::bytes(raw), units::bytes(coded)]);
    }
    Some(table)
}
