//! Making a delta that is an artifact: of Remora's own dialect, or an oci-delta.

use std::fmt::{self, Display, Formatter};

use clap::{Args, ValueEnum};
use remora::Dialect;
use remora::artifact::{self, CreateOptions, Sources};
use remora::image::ImageReference;
use remora::v3::DeltaReport;
use serde::Serialize;

use super::prepared::Prepared;
use super::request::Request;
use crate::cli::failure::Failure;
use crate::cli::report;
use crate::cli::session::Session;

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
    /// bootc without composefs too: only files under /usr and /etc are taken from
    Bootc,
}

impl OciDeltaArguments {
    /// One of these options that was given.
    pub(super) fn given(&self) -> Option<&'static str> {
        self.hosts.map(|_| "--for")
    }
}

/// Refuses a place that has no artifacts, and several platforms at once.
pub(super) fn refuse_place(
    output: &ImageReference,
    format: Dialect,
    request: &Request,
) -> Result<(), Failure> {
    if output.holds_plain_layers() {
        return Err(Failure::usage(
            format!("{output} is for images, and a delta of the format {format} is an artifact"),
            "write to a registry, oci:DIR:TAG or oci-archive:FILE:TAG",
        ));
    }
    match request.access.wants_all_platforms() {
        false => Ok(()),
        true => Err(Failure::usage(
            format!("a delta of the format {format} is for one platform"),
            "make one for each with --platform: beside the image all of them are found",
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
    options: &CreateOptions,
    prepared: Prepared,
    session: &Session,
) -> Result<(), Failure> {
    let (to_stdout, from) = (prepared.to_stdout, request.open(&prepared.transports)?);
    let (base, target) = (&from.base, &from.target);
    let delta = artifact::create(base, target, &from.store, options, session.progress())?;
    let output = prepared.publish(delta.contents(), session)?;
    let (format, report) = (options.dialect, delta.report());
    session.summary(&Summary { format, output, report }, to_stdout)
}

/// What was made.
#[derive(Serialize)]
struct Summary<'a> {
    format: Dialect,
    /// Where the delta is; nowhere after a dry run.
    output: Option<String>,
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
        report::write_fetch(out, self.report)?;
        report::write_unpaid(out, self.report)?;
        report::write_effort(out, self.report.total.seconds, self.report.total.peak_memory)
    }
}
