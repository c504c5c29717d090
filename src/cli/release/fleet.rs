//! `remora release fleet`: what a whole fleet runs, and what its update costs.

use std::path::PathBuf;

use clap::Args;
use remora::release::ReleaseName;

use super::access::InstallationArguments;
use super::answer::OfFleet;
use super::page::PageFile;
use crate::cli::failure::Failure;
use crate::cli::session::Session;

const EXAMPLES: &str = "\
Examples:
  What the devices run, and what the update to the fleet's own release still takes:
    remora release fleet org/fleet
  What another release would take, as a page with bars:
    remora release fleet org/fleet --to 1234 --html update.html";

/// Say which releases a fleet's devices run, and what their update moves over the air.
///
/// Nothing is begun. Devices that are pinned to a release are counted, and not updated.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Fleet {
    /// The fleet, ORGANISATION/NAME, or its name if that is enough
    #[arg(value_name = "FLEET")]
    fleet: String,
    /// The release that devices are to get [default: the one that the fleet runs]
    #[arg(long, value_name = "RELEASE")]
    to: Option<ReleaseName>,
    /// Write the answer also as a page that needs nothing else, with bars; - is stdout
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replace whatever file is there
    #[arg(long, requires = "html")]
    replace: bool,
    #[command(flatten)]
    installation: InstallationArguments,
}

impl Fleet {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let page = match &self.html {
            Some(path) => {
                let inputs = self.installation.files();
                Some(PageFile::open(path, inputs, self.replace, session)?)
            }
            None => None,
        };
        let mut installation = self.installation.installation()?;
        let update = installation.fleet(&self.fleet, self.to.as_ref())?;
        let on_stdout = page.as_ref().is_some_and(PageFile::is_on_stdout);
        if let Some(page) = page {
            page.write(&update)?;
        }
        match on_stdout {
            false => session.answer(&OfFleet(update)),
            true => session.summary(&OfFleet(update), true),
        }
    }
}
