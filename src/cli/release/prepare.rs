//! `remora release prepare`: have an update's deltas made, and let the release out.

use clap::Args;
use remora::release::{Installation, PrepareOptions, ReleaseName};

use super::access::InstallationArguments;
use super::answer::{OfFleet, Preparation};
use super::board::Board;
use super::names::ReleaseArguments;
use super::outcome;
use super::waiting::WaitArguments;
use crate::cli::failure::Failure;
use crate::cli::session::Session;

const EXAMPLES: &str = "\
Examples:
  All deltas that a fleet's devices need for a draft, which becomes final when they are there:
    remora release prepare --fleet org/fleet --to 1234 --timeout 30m --finalize
  Between two releases, without waiting:
    remora release prepare 1233 1234
  Let the release out also if a delta cannot be made:
    remora release prepare --fleet org/fleet --to 1234 --finalize=always";

/// Have the deltas of an update made before devices ask, and let the release out.
///
/// The server goes on whether or not anybody waits. Asked again, the command says what has become of the deltas.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Prepare {
    #[command(flatten)]
    releases: ReleaseArguments,
    /// In the place of FROM: whatever this fleet's devices run, the most devices first
    #[arg(long, value_name = "FLEET", conflicts_with_all = ["from", "to", "from_release", "to_release"])]
    fleet: Option<String>,
    /// With --fleet: the release that they are to get [default: the one that the fleet runs]
    #[arg(long = "to", id = "target", value_name = "RELEASE", requires = "fleet")]
    target: Option<ReleaseName>,
    #[command(flatten)]
    waiting: WaitArguments,
    #[command(flatten)]
    installation: InstallationArguments,
}

impl Prepare {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let options = self.waiting.options();
        match &self.fleet {
            Some(fleet) => {
                let mut installation = self.installation.installation()?;
                prepare_fleet(&mut installation, (fleet, self.target.as_ref()), options, session)
            }
            None => {
                let releases = self.named()?;
                let mut installation = self.installation.installation()?;
                prepare(&mut installation, releases, options, session)
            }
        }
    }

    fn named(&self) -> Result<(&ReleaseName, &ReleaseName), Failure> {
        match self.releases.is_empty() {
            true => Err(Failure::usage(
                "neither two releases nor a fleet are named",
                "write FROM and TO, or --fleet FLEET",
            )),
            false => self.releases.both(),
        }
    }
}

/// Has the deltas between two releases made, and answers with what has become of them.
pub(super) fn prepare(
    installation: &mut Installation,
    (from, to): (&ReleaseName, &ReleaseName),
    options: PrepareOptions,
    session: &Session,
) -> Result<(), Failure> {
    let mut board = Board::new(session);
    let prepared = installation.prepare(from, to, options, &mut |info| board.show_update(info))?;
    drop(board);
    let states = prepared.info.services.iter().map(|service| service.status);
    let failure = outcome::failure(prepared.timed_out, states, &options, "services");
    let answer = Preparation::from(prepared);
    match failure {
        None => session.answer(&answer),
        Some(failure) => session.answer_with(&answer, failure),
    }
}

fn prepare_fleet(
    installation: &mut Installation,
    (fleet, target): (&str, Option<&ReleaseName>),
    options: PrepareOptions,
    session: &Session,
) -> Result<(), Failure> {
    let mut board = Board::new(session);
    let seen = &mut |update: &_| board.show_fleet(update);
    let update = installation.prepare_fleet(fleet, target, options, seen)?;
    drop(board);
    let states = update.pairs.iter().map(|pair| pair.status);
    let failure =
        outcome::failure(update.timed_out, states, &options, "pairs of service and release");
    let answer = OfFleet(update);
    match failure {
        None => session.answer(&answer),
        Some(failure) => session.answer_with(&answer, failure),
    }
}
