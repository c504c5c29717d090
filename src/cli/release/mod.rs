//! `remora release`: what the update of openBalena's devices costs, and its deltas made ahead.

mod access;
mod answer;
mod board;
mod diff;
mod fleet;
mod names;
mod outcome;
mod page;
mod prepare;
mod table;
mod totals;
mod waiting;
mod watch;
mod words;

use clap::{Args, Subcommand};

use self::diff::Diff;
use self::fleet::Fleet;
use self::prepare::Prepare;
use self::watch::Watch;
use super::failure::Failure;
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  See what the update from a fleet's present release to a draft costs a device:
    remora release diff org/fleet 1234
  Have its deltas made, and let the release out when they are there:
    remora release prepare --fleet org/fleet --to 1234 --timeout 30m --finalize
  See what the whole fleet runs, and what its update moves over the air:
    remora release fleet org/fleet --to 1234 --html update.html";

/// Releases of openBalena: what an update costs, and its deltas made before devices ask.
///
/// Asks the API with the login of the balena CLI, or an API key. A release is named by its ID, its commit or the
/// first 6 letters of it, FLEET:VERSION, or FLEET for the one that the fleet runs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Release {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Diff(Diff),
    Prepare(Prepare),
    Fleet(Fleet),
    Watch(Watch),
}

impl Release {
    /// The command's name as it is typed.
    pub(super) fn name(&self) -> &'static str {
        match self.action {
            Action::Diff(_) => "release diff",
            Action::Prepare(_) => "release prepare",
            Action::Fleet(_) => "release fleet",
            Action::Watch(_) => "release watch",
        }
    }

    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        match &self.action {
            Action::Diff(diff) => diff.run(session),
            Action::Prepare(prepare) => prepare.run(session),
            Action::Fleet(fleet) => fleet.run(session),
            Action::Watch(watch) => watch.run(session),
        }
    }
}
