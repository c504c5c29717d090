//! `remora deploy`: an image on disk beside the old one, and the switch to it.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use clap::Args;
use remora::Cause;
use remora::bundle::RootAccess;
use remora::deploy::{self, Check, DeployOptions, DeployReport, DeploymentName, Outcome};
use remora::fetch::{self, PullReport, Pulled};
use remora::image::ImageReference;
use remora::unpack::Files;
use serde::Serialize;

use super::access::AccessArguments;
use super::bundle::note_unmapped_user;
use super::deployment_arguments::{DeploymentArguments, RuntimeArguments};
use super::failure::Failure;
use super::image_name;
use super::owner_arguments::OwnerArguments;
use super::session::Session;
use super::units;
use super::way_arguments::WayArguments;

const EXAMPLES: &str = "\
Examples:
  Version 1, and what starts it:
    remora deploy app registry.example.com/app:1
    remora run app
  Version 2, by a delta, if its own check succeeds; then back:
    remora deploy app registry.example.com/app:2 --check '/usr/bin/app --self-test'
    remora rollback app
  From a USB stick that holds a delta from version 1, under the name of what it makes:
    remora deploy app oci-archive:stick.tar --as registry.example.com/app:2";

/// Put an image on disk beside the old one, and switch to it.
///
/// The image is pulled as remora pull does it and made a bundle as remora bundle does it. The old one stays current until
/// the new one is whole and its check has succeeded; then a link is replaced in one step. A power cut at any moment
/// leaves the old one or the new one. An image that is current already, with the same options, is left alone, and so is one
/// that somebody went back from: deploy may run by a timer.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Deploy {
    /// The name that it is deployed under
    name: DeploymentName,
    /// The image; or a delta from an image that is here
    #[arg(value_parser = image_name::input)]
    image: ImageReference,
    /// The name that the image is kept and listed by [default: IMAGE]
    #[arg(long = "as", value_name = "NAME", value_parser = image_name::input)]
    called: Option<ImageReference>,
    /// A command for the image's shell that must succeed in the new deployment before it becomes current
    #[arg(long, value_name = "COMMAND")]
    check: Option<String>,
    /// How long the check may take
    #[arg(long, value_name = "TIME", value_parser = units::parse_time, default_value = "1m", requires = "check")]
    check_time: Duration,
    /// How many deployments are kept; the current one and the one that can be gone back to always are
    #[arg(long, value_name = "N", default_value_t = 2)]
    keep: usize,
    /// Deploy the image anew even if it is current, or somebody went back from it before
    #[arg(long)]
    again: bool,
    /// Let containers change what they see of the files: what they change is kept apart, for as long as this
    /// deployment is (overlayfs)
    #[arg(long)]
    writable: bool,
    /// Give the deployment files of its own, in place of links to those that other deployments have too
    #[arg(long)]
    copy: bool,
    #[command(flatten)]
    runtime: RuntimeArguments,
    #[command(flatten)]
    deployments: DeploymentArguments,
    #[command(flatten)]
    owners: OwnerArguments,
    #[command(flatten)]
    way: WayArguments,
    #[command(flatten)]
    access: AccessArguments,
}

impl Deploy {
    /// Has this process become root in a user namespace if an ordinary user is to set owners, or to read files of several.
    pub(super) fn enter_namespace(&mut self) {
        self.owners.enter_namespace(&self.access);
    }

    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let options = self.options(session)?;
        let deployments = self.deployments.open()?;
        self.access.refuse_in_store(deployments.path())?;
        let named: Vec<_> = [&self.image].into_iter().chain(self.way.bases()).collect();
        let transports = self.access.transports(&named)?;
        // Before anything is made or fetched.
        deployments.refuse_foreign()?;
        let store = self.access.store_of_files()?;
        let (mut way, progress) = (self.way.options(&self.access)?, session.progress());
        way.name.clone_from(&self.called);
        let asked = self.called.as_ref().unwrap_or(&self.image).to_string();
        let site = deployments.site(&self.name);
        let pull = || fetch::pull(&self.image, &way, &transports, &store, progress);
        let deploy = |pulled: &Pulled| {
            deploy::deploy(&site, pulled.image(), &asked, &store, &options, progress)
        };
        let mut pulled = pull()?;
        let report = match deploy(&pulled) {
            Err(error) if error.cause() == Cause::DamagedLayer => {
                progress.note(&format!("{error}; it is fetched again"));
                pulled = pull()?;
                deploy(&pulled)
            }
            deployed => deployed,
        }?;
        report.files.iter().for_each(|files| note_unmapped_user(files, session));
        let bundle = site.bundle(report.current.number).display().to_string();
        let name = self.name.to_string();
        session.summary(&Answer { name, bundle, report, pull: pulled.report().clone() }, false)
    }

    fn options(&self, session: &Session) -> Result<DeployOptions, Failure> {
        let mut options = DeployOptions::new(self.owners.owners(session)?);
        options.bundle.root = match (self.writable, self.copy) {
            (false, _) => RootAccess::ReadOnly,
            (true, false) => RootAccess::Layered,
            (true, true) => RootAccess::Writable,
        };
        if self.copy {
            options.bundle.unpack.files = Files::Own;
        }
        options.keep = self.keep;
        options.again = self.again;
        if let Some(command) = &self.check {
            let check = Check::new(command, self.runtime.find()?).within(self.check_time);
            options.check = Some(check);
        }
        Ok(options)
    }
}

/// What was deployed.
#[derive(Serialize)]
struct Answer {
    name: String,
    /// Where the current deployment's bundle is.
    bundle: String,
    #[serde(flatten)]
    report: DeployReport,
    pull: PullReport,
}

impl Display for Answer {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let DeployReport { outcome, current, removed, .. } = &self.report;
        writeln!(out, "name:    {}", self.name)?;
        writeln!(out, "image:   {}", current.image)?;
        writeln!(out, "bundle:  {}", self.bundle)?;
        if let Some(trust) = &self.pull.trust {
            writeln!(out, "trust:   {trust}")?;
        }
        writeln!(out, "fetch:   {}", units::bytes(self.pull.fetched_bytes))?;
        if let Some(files) = &self.report.files {
            let counts = &files.unpacked.counts;
            let (own, shared) = (units::bytes(counts.bytes), units::bytes(counts.shared_bytes));
            writeln!(out, "files:   {own} new, {shared} shared with files that were there")?;
        }
        match outcome {
            Outcome::Unchanged => writeln!(out, "note:    the image was current already"),
            Outcome::RolledBackBefore => {
                writeln!(
                    out,
                    "note:    not deployed: somebody went back from {}",
                    self.pull.reference
                )
            }
            _ if removed.is_empty() => Ok(()),
            _ => writeln!(out, "removed: {}", numbers(removed)),
        }
    }
}

fn numbers(removed: &[u64]) -> String {
    let removed: Vec<String> = removed.iter().map(|number| format!("number {number}")).collect();
    removed.join(", ")
}
