//! Making a v2 delta: a file that older devices apply with their rsync.

use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::Seek as _;
use std::path::Path;

use clap::{Args, ValueEnum};
use remora::Dialect;
use remora::image::ImageReference;
use remora::output::{self, Output, OutputError};
use remora::v2::{self, CreateOptions, DeltaReport, ListScope};
use serde::Serialize;

use super::request::Request;
use crate::cli::access;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::cli::{replace, report, units};

/// What a v2 delta says beside the content of files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of v2")]
pub(super) struct V2Arguments {
    /// Which names of TARGET are listed [default: pruned]
    #[arg(long, value_enum, value_name = "NAMES")]
    list: Option<ListName>,
    /// Make devices write files anew of which only attributes change, so that BASE, which shares
    /// them, stays as it is
    #[arg(long)]
    protect_shared: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ListName {
    /// Those that change: the smallest delta
    #[default]
    Pruned,
    /// All: a device whose files are not BASE's notices, and reads them all for that
    Full,
}

impl V2Arguments {
    /// One of these options that was given.
    pub(super) fn given(&self) -> Option<&'static str> {
        let list = self.list.map(|_| "--list");
        list.or(self.protect_shared.then_some("--protect-shared"))
    }
}

impl V2Arguments {
    /// Makes the delta that `request` asks for.
    pub(super) fn create(&self, request: &Request, session: &Session) -> Result<(), Failure> {
        refuse_image(&request.output)?;
        let path = Path::new(&request.output);
        access::refuse_input_as_file(path, [&request.base, &request.target])?;
        request.access.refuse_in_store(path)?;
        if !request.replace {
            replace::refuse_for_file(path)?;
        }
        let is_stdout = request.output == "-" || output::leads_to_stdout(path);
        let to_stdout = is_stdout && access::claim_stream(session)?;
        let output = open_output(request, path)?;
        let scratch = scratch(output.as_ref())?;
        let encoding = request.encoding.options();
        let mut options = CreateOptions::default();
        options.list = match self.list.unwrap_or_default() {
            ListName::Pruned => ListScope::Pruned,
            ListName::Full => ListScope::Full,
        };
        options.protect_shared = self.protect_shared;
        options.verify = !request.no_verify;
        (options.effort, options.memory) = (encoding.effort, encoding.memory);
        let from = request.open(&request.access.transports(&[&request.base, &request.target])?)?;
        let (base, target, out) = (&from.base, &from.target, &scratch);
        let report = v2::create(base, target, &from.store, &options, out, session.progress())?;
        if let Some(output) = output {
            publish(output, scratch)?;
        }
        let output = (!request.dry_run).then_some(request.output.as_str());
        session.summary(&Summary { format: Dialect::V2, output, report: &report }, to_stdout)
    }
}

/// Opens the place of the delta; none for a dry run.
fn open_output(request: &Request, path: &Path) -> Result<Option<Output>, OutputError> {
    match request.dry_run {
        true => Ok(None),
        false if request.output == "-" => Ok(Some(Output::stdout())),
        false => Output::open(path).map(Some),
    }
}

/// The file that the delta is made in: the output's own, or another where that can't be read back.
fn scratch(output: Option<&Output>) -> Result<File, Failure> {
    let cannot_make = |error| Failure::io("cannot create a temporary file", &error);
    match output.and_then(Output::as_file) {
        Some(file) => file.try_clone().map_err(cannot_make),
        None => tempfile::tempfile().map_err(cannot_make),
    }
}

/// Makes the delta appear at its place.
fn publish(mut output: Output, mut scratch: File) -> Result<(), Failure> {
    if output.as_file().is_none() {
        let what = format!("cannot write {}", output.name().display());
        let copied = scratch.rewind().and_then(|()| std::io::copy(&mut scratch, &mut output));
        copied.map_err(|error| Failure::io(what, &error))?;
    }
    Ok(output.finish()?)
}

/// Refuses the name of an image for what is to be a file. A name that could also be in a registry is
/// taken for the file's.
fn refuse_image(output: &str) -> Result<(), Failure> {
    match output.parse() {
        Ok(ImageReference::Registry(_)) | Err(_) if !output.starts_with("docker:") => Ok(()),
        _ => Err(Failure::usage(
            format!("{output} names an image, and a v2 delta is a file"),
            "give a file's name",
        )),
    }
}

/// What was made.
#[derive(Serialize)]
struct Summary<'a> {
    format: Dialect,
    /// The file; none after a dry run.
    output: Option<&'a str>,
    #[serde(flatten)]
    report: &'a DeltaReport,
}

impl Display for Summary<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = self.report;
        report::write_output(out, self.output)?;
        report::write_images(out, &report.base_id, &report.target_id)?;
        let delta = units::bytes(report.delta_bytes);
        match report.pull_bytes.map(units::bytes) {
            Some(pull) => writeln!(out, "fetch:   {delta} instead of {pull}")?,
            None => writeln!(out, "fetch:   {delta}")?,
        }
        let (names, files) = (report.sizes.entries, report.sizes.records);
        let (names, files) = (units::count(names), units::count(files));
        writeln!(out, "files:   {names} names, {files} with new content")?;
        report::write_effort(out, report.seconds, report.peak_memory)
    }
}
