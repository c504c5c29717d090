//! `remora release diff`: what an update means, service by service.

use std::time::Duration;

use clap::Args;
use remora::release::PrepareOptions;

use super::access::InstallationArguments;
use super::answer::Described;
use super::names::ReleaseArguments;
use super::prepare::prepare;
use super::waiting::parse_timeout;
use crate::cli::failure::Failure;
use crate::cli::session::Session;

const EXAMPLES: &str = "\
Examples:
  From the release that a fleet runs to another, by its ID or the first letters of its commit:
    remora release diff org/fleet 1234
    remora release diff org/fleet 6ab1f0c2
  Between two versions, for a script:
    remora release diff org/fleet:1.2.0 org/fleet:1.3.0 --json";

/// Say what an update means, service by service, and which deltas are ready.
///
/// Nothing is begun. With --json the answer has the keys of balena-release-update, and further ones.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Diff {
    #[command(flatten)]
    releases: ReleaseArguments,
    #[command(flatten)]
    as_before: AsBefore,
    #[command(flatten)]
    installation: InstallationArguments,
}

/// What balena-release-update understands, whose every task is one command.
#[derive(Debug, Args)]
struct AsBefore {
    /// As remora release prepare
    #[arg(long, hide = true)]
    prepare: bool,
    /// As remora release prepare --wait
    #[arg(long, hide = true)]
    wait: bool,
    /// As remora release prepare --timeout
    #[arg(long, hide = true, value_name = "TIME", value_parser = parse_timeout)]
    timeout: Option<Duration>,
}

impl Diff {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let (from, to) = self.releases.both()?;
        let mut installation = self.installation.installation()?;
        match self.as_before.options() {
            Some(options) => prepare(&mut installation, (from, to), options, session),
            None => session.answer(&Described(installation.update_info(from, to)?)),
        }
    }
}

impl AsBefore {
    /// How deltas are to be made, if they are.
    fn options(&self) -> Option<PrepareOptions> {
        let wait = self.wait || self.timeout.is_some();
        (wait || self.prepare).then(|| {
            PrepareOptions::default().changed(|options| {
                (options.wait, options.timeout) = (wait, self.timeout);
            })
        })
    }
}
