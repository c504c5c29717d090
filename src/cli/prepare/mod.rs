//! `remora prepare`: have a server make deltas ahead.

mod board;
mod line;
mod pairs;

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use clap::Args;
use remora::Cause;
use remora::api::{Client, PairState, PairStatus, WantedPair};
use serde::Serialize;

use self::board::Board;
use self::line::line;
use super::dialect::Format;
use super::failure::Failure;
use super::secret::secret;
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  Have the update of a release made before the devices ask for it, and see it come about:
    remora prepare --server https://delta.example.com --token-file builder.txt --wait \\
      registry.example.com/v2/0f1e…:latest=registry.example.com/v2/9a8b…:latest
  Many, from a file: [{\"src\": \"…\", \"dest\": \"…\"}, …]
    remora prepare --server https://delta.example.com --token-file builder.txt --file pairs.json";

/// Have a delta server make deltas before devices ask for them.
///
/// The server makes them whether or not anybody waits. Asked again, it says what has become of them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Prepare {
    /// Images that devices have and are to get
    #[arg(value_name = "SRC=DEST", value_parser = pairs::parse)]
    pairs: Vec<WantedPair>,
    /// JSON file with a list of {"src", "dest"[, "format"]}; - is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The delta server that is to make them
    #[arg(long, env = "REMORA_SERVER", value_name = "URL")]
    server: String,
    /// The builder credential. Better given by the environment or a file: others can read flags
    #[arg(long, env = "TOKEN_AUTH_BUILDER_TOKEN", hide_env_values = true)]
    #[arg(value_name = "SECRET")]
    token: Option<String>,
    /// File with the builder credential
    #[arg(long, env = "TOKEN_AUTH_BUILDER_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// What kind of delta, where the file does not say
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// Whose turn they take: those of one fleet wait for each other [default: a turn for each DEST]
    #[arg(long, value_name = "NAME")]
    fleet: Option<String>,
    /// Wait until each is ready or has failed
    #[arg(long)]
    wait: bool,
    /// Trust the certificates in this PEM file beside the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl Prepare {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let wanted = self.wanted()?;
        let token = secret(self.token.as_deref(), self.token_file.as_deref())?;
        let client = Client::new(&self.server, token, self.ca_file.as_deref())?;
        let fleet = self.fleet.as_deref();
        let pairs = match self.wait {
            false => client.prepare(&wanted, fleet)?,
            true => {
                let mut board = Board::new(session, wanted.len());
                client.prepare_and_wait(&wanted, fleet, &mut |index, status| {
                    board.show(index, status);
                })?
            }
        };
        let count = |state| pairs.iter().filter(|pair| pair.status == state).count();
        let (failed, unknown) = (count(PairState::Failed), count(PairState::Unknown));
        let answer = Prepared { pairs };
        let failure = match (failed, unknown) {
            (0, 0) => return session.answer(&answer),
            (0, _) => Failure::new(
                Cause::RateLimited,
                format!("{unknown} of {} deltas could not be asked for", wanted.len()),
                "see the reasons above, and run the same again a while later",
            ),
            (_, _) => Failure::new(
                Cause::Content,
                format!("{failed} of {} deltas cannot be made", wanted.len()),
                "see the reasons above; hosts and newer devices that take v3 pull without a delta if the image is there, \
                 others ask again and again",
            ),
        };
        session.answer_with(&answer, failure)
    }

    fn wanted(&self) -> Result<Vec<WantedPair>, Failure> {
        let mut wanted = self.pairs.clone();
        if let Some(file) = &self.file {
            wanted.extend(pairs::read(file)?);
        }
        let Format(dialect) = self.format;
        for pair in &mut wanted {
            pair.format.get_or_insert_with(|| dialect.name().to_owned());
        }
        pairs::leave_out_repeated(&mut wanted);
        match wanted.is_empty() {
            true => Err(Failure::usage("there are no pairs", "write SRC=DEST, or name a --file")),
            false => Ok(wanted),
        }
    }
}

/// What has become of the pairs.
#[derive(Serialize)]
struct Prepared {
    pairs: Vec<PairStatus>,
}

impl Display for Prepared {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.pairs.iter().try_for_each(|pair| writeln!(out, "{}", line(pair)))
    }
}
