//! Making a delta that is an artifact: of Remora's own dialect, or an oci-delta.

use std::fmt::{self, Display, Formatter};

use clap::{Args, ValueEnum};
use remora::artifact::{self, CreateOptions, Sources};
use remora::image::{Image, ImageReference, Transports, WholeArtifact};
use remora::progress::Progress;
use remora::trust;
use remora::v3::DeltaReport;
use remora::{Cause, Dialect};
use serde::Serialize;

use super::prepared::Prepared;
use super::request::Request;
use crate::cli::failure::Failure;
use crate::cli::report;
use crate::cli::session::Session;

/// What goes along with a delta that is an artifact.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of remora and oci-delta")]
pub(super) struct ArtifactArguments {
    /// Take along TARGET's signatures (cosign) that its registry has
    #[arg(long)]
    pub(super) signatures: bool,
}

impl ArtifactArguments {
    /// One of these options that was given.
    pub(super) fn given(&self) -> Option<&'static str> {
        self.signatures.then_some("--signatures")
    }
}

/// For whom an oci-delta is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of oci-delta")]
pub(super) struct OciDeltaArguments {
    /// Which hosts apply it [default: any]
    #[arg(long = "for", value_enum, value_name = "HOSTS")]
    hosts: Option<HostsName>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum HostsName {
    /// All that read oci-delta
    #[default]
    Any,
    /// bootc without composefs too: only BASE's files under /usr and /etc are of use, what changes elsewhere comes whole
    Bootc,
}

impl OciDeltaArguments {
    /// One of these options that was given.
    pub(super) fn given(&self) -> Option<&'static str> {
        self.hosts.map(|_| "--for")
    }
}

/// Refuses a place that has no artifacts.
pub(super) fn refuse_place(output: &ImageReference, format: Dialect) -> Result<(), Failure> {
    match output.holds_plain_layers() {
        false => Ok(()),
        true => Err(Failure::usage(
            format!("{output} is for images, and a delta of the format {format} is an artifact"),
            "write to a registry, oci:DIR:TAG or oci-archive:FILE:TAG",
        )),
    }
}

/// How the delta is made.
pub(super) fn options(
    format: Dialect,
    arguments: &OciDeltaArguments,
    request: &Request,
) -> CreateOptions {
    let mut options = CreateOptions::of(format);
    options.encoding = request.encoding.options();
    options.verify = !request.no_verify;
    options.sources = match arguments.hosts.unwrap_or_default() {
        HostsName::Any => Sources::All,
        HostsName::Bootc => Sources::Bootc,
    };
    options
}

/// Makes the delta that `request` asks for.
pub(super) fn create(
    request: &Request,
    mut options: CreateOptions,
    arguments: &ArtifactArguments,
    prepared: Prepared,
    session: &Session,
) -> Result<(), Failure> {
    let (to_stdout, from) = (prepared.to_stdout, request.open(&prepared.transports)?);
    let (base, target) = (&from.base, &from.target);
    if arguments.signatures {
        options.signatures = signatures(target, &prepared.transports, session.progress())?;
    }
    let delta = artifact::create(base, target, &from.store, &options, session.progress())?;
    let output = prepared.publish(delta.contents(), session)?;
    let (format, report) = (options.dialect, delta.report());
    let signatures = options.signatures.len();
    session.summary(&Summary { format, output, signatures, report }, to_stdout)
}

/// The target's signatures, of which there has to be one.
pub(super) fn signatures(
    target: &Image,
    transports: &Transports,
    progress: &dyn Progress,
) -> Result<Vec<WholeArtifact>, Failure> {
    let (ImageReference::Registry(image), Some(manifest)) = (target.reference(), target.manifest())
    else {
        return Err(Failure::usage(
            format!("signatures of {} can't be found: it is in no registry", target.reference()),
            "name TARGET in its registry, or leave out --signatures",
        ));
    };
    let digest = manifest.digest();
    let found = trust::attached_signatures(transports, image, digest, progress)?;
    match found.is_empty() {
        false => Ok(found),
        true => Err(Failure::new(
            Cause::Missing,
            format!("{image} has no signature of its manifest {digest}"),
            "sign that with cosign sign (of an index: --recursive), or leave out --signatures",
        )),
    }
}

/// What was made.
#[derive(Serialize)]
struct Summary<'a> {
    format: Dialect,
    /// Where the delta is; nowhere after a dry run.
    output: Option<String>,
    /// How many manifests with signatures it brings.
    signatures: usize,
    #[serde(flatten)]
    report: &'a DeltaReport,
}

impl Display for Summary<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        report::write_output(out, self.output.as_deref())?;
        if let Some(digest) = self.report.delta_digest {
            writeln!(out, "digest:  {digest}")?;
        }
        report::write_images(out, &self.report.base_id, &self.report.target_id)?;
        if self.signatures > 0 {
            writeln!(out, "brings:  the target's signatures, {}", self.signatures)?;
        }
        report::write_fetch(out, self.report)?;
        report::write_unpaid(out, self.report)?;
        report::write_effort(out, self.report.total.seconds, self.report.total.peak_memory)
    }
}
