//! `remora unpack`: an image's files in a folder.

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::unpack::{self, OwnersKept, UnpackReport};
use serde::Serialize;

use super::failure::Failure;
use super::report;
use super::session::Session;
use super::units;
use super::unpack_arguments::UnpackArguments;

const EXAMPLES: &str = "\
Examples:
  remora unpack registry.example.com/app:2 app
  remora unpack docker-archive:app.tar app --owners record
  remora unpack oci:images:app app --json | jq .left_out";

/// Unpack an image's files into a folder, without an engine and without root.
///
/// The folder is empty or not there yet, and appears in one step when everything is in it. Nothing outside it is
/// touched, whatever the layers say. What this user or system cannot make is recorded in extended attributes
/// or counted in the answer.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Unpack {
    #[command(flatten)]
    pub(super) arguments: UnpackArguments,
}

impl Unpack {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let dir = self.arguments.dir();
        let report = self.arguments.with_image(session, |it| {
            unpack::unpack(&it.image, &it.store, dir, &it.options, session.progress())
        })?;
        session.summary(&Summary { folder: dir.display().to_string(), report }, false)
    }
}

/// What was unpacked.
#[derive(Serialize)]
struct Summary {
    folder: String,
    #[serde(flatten)]
    report: UnpackReport,
}

impl Display for Summary {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "folder:  {}", self.folder)?;
        writeln!(out, "image:   {}", self.report.image_id)?;
        write_report(out, &self.report)
    }
}

/// What was made, whose it is, and what is missing.
pub(super) fn write_report(out: &mut Formatter<'_>, report: &UnpackReport) -> fmt::Result {
    let counts = &report.counts;
    let (files, bytes) = (units::count(counts.files), units::bytes(counts.bytes));
    let folders = units::count(counts.directories);
    let links = units::count(counts.symlinks + counts.hard_links);
    writeln!(out, "files:   {files} with {bytes}, {folders} folders, {links} links")?;
    let owners = match report.owners {
        OwnersKept::Set => "as the image says",
        OwnersKept::Mapped => "as the image says, in this user's range (see /etc/subuid)",
        OwnersKept::Recorded => "yours; the image's are in user.containers.override_stat",
    };
    writeln!(out, "owners:  {owners}")?;
    let recorded = [
        (counts.recorded.devices, "devices, as empty files"),
        (counts.recorded.xattrs, "extended attributes, as user.remora.xattr.*"),
        (if report.owners == OwnersKept::Recorded { 0 } else { counts.recorded.owners }, "owners"),
    ];
    write_kinds(out, "kept:   ", &recorded)?;
    let left_out = [
        (counts.left_out.owners, "owners"),
        (counts.left_out.devices, "devices"),
        (counts.left_out.xattrs, "extended attributes"),
        (counts.left_out.host_xattrs, "extended attributes that are a host's"),
    ];
    write_kinds(out, "missing:", &left_out)?;
    report::write_effort(out, report.seconds, report.peak_memory)
}

fn write_kinds(out: &mut Formatter<'_>, title: &str, kinds: &[(u64, &str)]) -> fmt::Result {
    let there = kinds.iter().filter(|(count, _)| *count > 0);
    let there: Vec<_> =
        there.map(|(count, kind)| format!("{} {kind}", units::count(*count))).collect();
    match there.is_empty() {
        true => Ok(()),
        false => writeln!(out, "{title} {}", there.join("; ")),
    }
}
