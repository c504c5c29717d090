//! `remora create`: make a delta and publish it.

use std::fmt::{self, Display, Formatter};

use clap::{Args, ValueEnum};
use remora::delta::Goal;
use remora::image::ImageReference;
use remora::v3::{self, Compression, CreateOptions, DeltaReport, ManifestKind};
use serde::Serialize;

use super::access::{self, AccessArguments};
use super::encoding::EncodingArguments;
use super::failure::Failure;
use super::report;
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  Make a delta in a registry; a device that has app:1 pulls app:delta-1-2 and ends up with app:2:
    remora create registry.example.com/app:1 registry.example.com/app:2 \\
      --output registry.example.com/app:delta-1-2
  Make the smallest delta there is, whatever it costs the device to apply:
    remora create oci:app:1 oci:app:2 --output oci:app:delta-1-2 --prefer size --effort 9
  From 'docker save' files, for ARM, with what was done as JSON:
    remora create docker-archive:1.tar docker-archive:2.tar --output oci:delta:1-2 \\
      --platform linux/arm64 --json";

/// Make a delta between two images and publish it.
///
/// A device that has BASE pulls the delta and ends up with TARGET, bit for bit. The delta is
/// applied once before anything is published; what does not rebuild TARGET is never written.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Create {
    /// The image that devices have
    base: ImageReference,
    /// The image that devices are to get
    target: ImageReference,
    /// Where the delta goes
    #[arg(short, long, value_name = "REFERENCE")]
    output: ImageReference,
    /// What kind of delta
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// What kind of manifest [default: docker; oci in OCI layouts and archives]
    #[arg(long, value_enum, value_name = "KIND")]
    manifest: Option<ManifestName>,
    /// How the delta's layers are compressed
    #[arg(long, value_enum, default_value_t, value_name = "METHOD")]
    compression: CompressionName,
    /// Publish without applying the delta first
    #[arg(long)]
    no_verify: bool,
    /// Do everything but publish
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    encoding: EncodingArguments,
    #[command(flatten)]
    access: AccessArguments,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A small image that balena-engine pulls
    #[default]
    V3,
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

impl Create {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        access::refuse_stdin_twice([&self.base, &self.target])?;
        let to_stdout = access::claim_stdout(&self.output, session)?;
        self.encoding.use_threads()?;
        let transports = self.access.transports()?;
        let base = transports.open(&self.base, &self.access.platform())?;
        let target = transports.open(&self.target, &self.access.platform())?;
        let store = self.access.store()?;
        let delta = v3::create(&base, &target, &store, &self.options(), session.progress())?;
        if !self.dry_run {
            transports.write(&self.output, delta.contents(), session.progress())?;
        }
        let output = (!self.dry_run).then(|| self.output.to_string());
        let summary = Summary { output, report: delta.report(), device: self.encoding.device() };
        session.summary(&summary, to_stdout)
    }

    fn options(&self) -> CreateOptions {
        CreateOptions {
            encoding: self.encoding.options(),
            compression: match self.compression {
                // A docker archive is of plain tars.
                _ if self.output.holds_plain_layers() => Compression::None,
                CompressionName::Gzip => Compression::Gzip,
                CompressionName::Bzip2 => Compression::Bzip2,
                CompressionName::Xz => Compression::Xz,
                CompressionName::None => Compression::None,
            },
            manifest: match self.manifest {
                None => ManifestKind::for_destination(&self.output),
                Some(ManifestName::Docker) => ManifestKind::Docker,
                Some(ManifestName::Oci) => ManifestKind::Oci,
            },
            verify: !self.no_verify,
        }
    }
}

/// What was made.
#[derive(Serialize)]
struct Summary<'a> {
    /// Where the delta is; nowhere after a dry run.
    output: Option<String>,
    #[serde(flatten)]
    report: &'a DeltaReport,
    #[serde(skip)]
    device: Goal,
}

impl Display for Summary<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match &self.output {
            Some(output) => writeln!(out, "delta:   {output}")?,
            None => writeln!(out, "delta:   not published, this was a dry run")?,
        }
        if let Some(digest) = self.report.delta_digest {
            writeln!(out, "digest:  {digest}")?;
        }
        report::write_images(out, self.report)?;
        report::write_totals(out, self.report, &self.device)?;
        report::write_effort(out, self.report)
    }
}
