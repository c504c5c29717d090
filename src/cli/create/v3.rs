//! Making a v3 delta: an image that balena-engine pulls.

use std::fmt::{self, Display, Formatter};

use clap::{Args, ValueEnum};
use remora::Dialect;
use remora::delta::Goal;
use remora::image::ImageReference;
use remora::v3::{self, Compression, CreateOptions, DeltaReport, Links, ManifestKind};
use serde::Serialize;

use super::prepared::Prepared;
use super::request::Request;
use crate::cli::failure::Failure;
use crate::cli::report;
use crate::cli::session::Session;

/// How a v3 delta is wrapped up.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of v3")]
pub(super) struct V3Arguments {
    /// What kind of manifest [default: docker; oci in OCI layouts and archives]
    #[arg(long, value_enum, value_name = "KIND")]
    manifest: Option<ManifestName>,
    /// How the delta's layers are compressed [default: gzip]
    #[arg(long, value_enum, value_name = "METHOD")]
    compression: Option<CompressionName>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ManifestName {
    /// Docker image manifest, version 2, schema 2
    Docker,
    /// OCI image manifest whose subject is TARGET's, so that the referrers API finds it
    Oci,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum CompressionName {
    /// Read by every device
    #[default]
    Gzip,
    /// Read by every device, sometimes smaller where mostly file headers changed
    Bzip2,
    /// 10 to 15 % smaller, but the device needs an xz program, which stock balenaOS has not
    Xz,
    /// Not compressed
    None,
}

impl V3Arguments {
    /// One of these options that was given.
    pub(super) fn given(&self) -> Option<&'static str> {
        let manifest = self.manifest.map(|_| "--manifest");
        manifest.or(self.compression.map(|_| "--compression"))
    }
}

impl From<ManifestName> for ManifestKind {
    fn from(name: ManifestName) -> Self {
        match name {
            ManifestName::Docker => ManifestKind::Docker,
            ManifestName::Oci => ManifestKind::Oci,
        }
    }
}

impl From<CompressionName> for Compression {
    fn from(name: CompressionName) -> Self {
        match name {
            CompressionName::Gzip => Compression::Gzip,
            CompressionName::Bzip2 => Compression::Bzip2,
            CompressionName::Xz => Compression::Xz,
            CompressionName::None => Compression::None,
        }
    }
}

impl V3Arguments {
    /// How the delta that goes to `output` is made.
    pub(super) fn options(&self, output: &ImageReference, request: &Request) -> CreateOptions {
        let mut options = CreateOptions::for_destination(output);
        options.encoding = request.encoding.options();
        // A docker archive is of plain tars, whatever was chosen.
        if let Some(compression) = self.compression.filter(|_| !output.holds_plain_layers()) {
            options.compression = compression.into();
        }
        if let Some(manifest) = self.manifest {
            options.manifest = manifest.into();
        }
        options.verify = !request.no_verify;
        options
    }
}

/// Makes the delta that `request` asks for.
pub(super) fn create(
    request: &Request,
    options: &CreateOptions,
    prepared: Prepared,
    session: &Session,
) -> Result<(), Failure> {
    let (to_stdout, from) = (prepared.to_stdout, request.open(&prepared.transports)?);
    let (base, target) = (&from.base, &from.target);
    let delta = v3::create(base, target, &from.store, options, session.progress())?;
    let output = prepared.publish(delta.contents(), session)?;
    let (report, device) = (delta.report(), request.encoding.device());
    let links = Links::new(report, &device);
    session.summary(&Summary { format: Dialect::V3, output, report, links, device }, to_stdout)
}

/// What was made.
#[derive(Serialize)]
struct Summary<'a> {
    format: Dialect,
    /// Where the delta is; nowhere after a dry run.
    output: Option<String>,
    #[serde(flatten)]
    report: &'a DeltaReport,
    #[serde(flatten)]
    links: Option<Links>,
    #[serde(skip)]
    device: Goal,
}

impl Display for Summary<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        report::write_output(out, self.output.as_deref())?;
        if let Some(digest) = self.report.delta_digest {
            writeln!(out, "digest:  {digest}")?;
        }
        report::write_images(out, &self.report.base_id, &self.report.target_id)?;
        report::write_totals(out, self.report, &self.device, self.links.as_ref())?;
        report::write_effort(out, self.report.total.seconds, self.report.total.peak_memory)
    }
}
