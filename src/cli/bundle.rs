//! `remora bundle`: what an OCI runtime starts.

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::bundle::{self, BundleReport};
use serde::Serialize;

use super::failure::Failure;
use super::session::Session;
use super::unpack::write_report;
use super::unpack_arguments::UnpackArguments;

const EXAMPLES: &str = "\
Examples:
  Start an image as an ordinary user, without an engine:
    remora bundle registry.example.com/app:2 app
    runc run --bundle app app
  See whom it runs as:
    remora bundle oci:images:app app --json | jq .uid";

/// Make a bundle of an image that runc or another OCI runtime starts, without an engine and without root.
///
/// The folder gets the image's files, in rootfs, and a config.json with its command, environment, user and labels.
/// Whoever made the bundle starts it: an ordinary user is root inside. It shares the machine's network.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Bundle {
    #[command(flatten)]
    pub(super) arguments: UnpackArguments,
}

impl Bundle {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let dir = self.arguments.dir();
        let report = self.arguments.with_image(session, |it| {
            let options = it.options.clone().into();
            bundle::bundle(&it.image, &it.store, dir, &options, session.progress())
        })?;
        note_unmapped_user(&report, session);
        session.summary(&Summary { folder: dir.display().to_string(), report }, false)
    }
}

/// Says if the image's command runs as another user than the image names.
pub(super) fn note_unmapped_user(report: &BundleReport, session: &Session) {
    if let Some(uid) = report.unmapped_uid {
        session.progress().note(&format!(
            "the image's user {uid} cannot be had: its command runs as you, root of the container"
        ));
    }
}

/// What is in the bundle.
#[derive(Serialize)]
struct Summary {
    folder: String,
    #[serde(flatten)]
    report: BundleReport,
}

impl Display for Summary {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "bundle:  {}", self.folder)?;
        writeln!(out, "image:   {}", self.report.unpacked.image_id)?;
        writeln!(out, "user:    {}", self.report.uid)?;
        write_report(out, &self.report.unpacked)
    }
}
