//! `remora serve`: the delta server.

mod arguments;
mod settings;
mod watch_arguments;

use std::path::PathBuf;

use clap::{Args, Command};
use remora::server;

use self::arguments::{
    AccessArguments, AnswerArguments, DataArguments, LimitArguments, RegistryArguments,
    WorkArguments,
};
use self::watch_arguments::WatchArguments;
use super::failure::Failure;
use super::layers::{Layered, Layering};
use super::listen_arguments::ListenArguments;
use super::log::LogFormat;
use super::output_arguments::OutputArguments;
use super::server_life::run_server;
use super::session::print;

const EXAMPLES: &str = "\
Every option is also a key of the configuration file and a variable: --long-poll is
long-poll = \"25s\" there and REMORA_LONG_POLL in the environment. Options come before variables,
variables before the file.

Examples:
  In place of open-balena-delta, with the variables that it has:
    BALENA_TLD=example.com TOKEN_AUTH_BUILDER_TOKEN_FILE=/run/secrets/builder remora serve
  To try it with a registry on this machine:
    remora serve --registry localhost:5000 --insecure-no-auth --listen 127.0.0.1:8080 --data data
  What is set, and where:
    remora serve --config /etc/remora.toml --print-config";

/// What the settings are, with the variables that installations of open-balena-delta have.
pub(super) const LAYERING: Layering = Layering {
    command: "serve",
    secrets: &["builder-token", "database", "download-key"],
    existing: &[
        ("BALENA_TLD", "tld"),
        ("REGISTRY_HOST", "registry"),
        ("TOKEN_AUTH_BUILDER_TOKEN", "builder-token"),
        ("TOKEN_AUTH_BUILDER_TOKEN_FILE", "builder-token-file"),
        ("JWT_ALGO", "token-algorithm"),
    ],
    may_be_empty: &[],
};

/// Run the delta server that devices ask for updates.
///
/// Takes the place of open-balena-delta: devices, the OS updater and the builder ask it for the delta
/// between two images of the registry, which is made once and kept there.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Serve {
    /// Read settings from this TOML file
    #[arg(long, env = "REMORA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print all settings as such a file, with where each is from and secrets masked
    #[arg(long)]
    print_config: bool,
    /// How the log is written, to stderr
    #[arg(long, env = "REMORA_LOG_FORMAT", value_enum, default_value_t, value_name = "FORMAT")]
    log_format: LogFormat,
    #[command(flatten)]
    listen: ListenArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    #[command(flatten)]
    access: AccessArguments,
    #[command(flatten)]
    answers: AnswerArguments,
    #[command(flatten)]
    work: WorkArguments,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    watch: WatchArguments,
}

impl Serve {
    /// Runs until a signal comes. `self` is what flags and variables say; the file comes on top, as
    /// defaults of the command line `definition`.
    pub(super) fn run(
        &self,
        output: &OutputArguments,
        definition: fn() -> Command,
    ) -> Result<(), Failure> {
        let layered = Layered::read(LAYERING, self.config.as_deref(), definition, Serve::derived)?;
        if self.print_config {
            return print(&layered.to_toml());
        }
        let serve = layered.settings;
        run_server(serve.log_format, output, || serve.settings(), server::run)
    }
}

#[cfg(test)]
mod tests;
