//! `remora builder`: the builder behind `balena push`.

mod arguments;
mod settings;

use std::path::PathBuf;

use clap::{Args, Command};
use remora::builder;

use self::arguments::{DataArguments, EngineArguments, InstallationArguments, ProjectArguments};
use super::failure::Failure;
use super::layers::{Layered, Layering};
use super::listen_arguments::ListenArguments;
use super::log::LogFormat;
use super::output_arguments::OutputArguments;
use super::server_life::run_server;
use super::session::print;

const EXAMPLES: &str = "\
Every option is also a key of the configuration file and a variable, as with remora serve.

Examples:
  In place of open-balena-builder, with the variables that it has:
    BALENA_TLD=example.com DOCKER_HOST_AMD64=tcp://docker:2375 remora builder
  Two engines with TLS for each architecture, and how they prove themselves:
    remora builder --tld example.com --engine-tls --engine-certificates /certs/engines \\
      --engines-amd64 tcp://a:2376,tcp://b:2376 --engines-arm64 tcp://c:2376,tcp://d:2376
  What is set, and where:
    remora builder --config /etc/remora-builder.toml --print-config";

/// What the settings are, with the variables that installations of open-balena-builder have.
pub(super) const LAYERING: Layering = Layering {
    command: "builder",
    secrets: &[],
    existing: &[
        ("BALENA_TLD", "tld"),
        ("API_HOST", "api"),
        ("DELTA_HOST", "delta-server"),
        ("DOCKER_HOST_AMD64", "engines-amd64"),
        ("DOCKER_HOST_ARM64", "engines-arm64"),
        ("DOCKER_CERT_PATH", "engine-certificates"),
        ("DOCKER_TLS_VERIFY", "engine-tls"),
        ("DOCKER_BUILDKIT", "buildkit"),
    ],
    may_be_empty: &["DELTA_HOST"],
};

/// Run the builder that `balena push` sends projects to.
///
/// Takes the place of open-balena-builder: projects are built by remote Docker Engines, pushed with the
/// token of whoever pushes, and their deltas made before devices hear of the release.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Builder {
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
    installation: InstallationArguments,
    #[command(flatten)]
    engines: EngineArguments,
    #[command(flatten)]
    projects: ProjectArguments,
    #[command(flatten)]
    data: DataArguments,
}

impl Builder {
    /// Runs until a signal comes. `self` is what flags and variables say; the file comes on top, as
    /// defaults of the command line `definition`.
    pub(super) fn run(
        &self,
        output: &OutputArguments,
        definition: fn() -> Command,
    ) -> Result<(), Failure> {
        let layered =
            Layered::read(LAYERING, self.config.as_deref(), definition, Builder::derived)?;
        if self.print_config {
            return print(&layered.to_toml());
        }
        let builder = layered.settings;
        run_server(builder.log_format, output, || builder.settings(), builder::run)
    }
}

#[cfg(test)]
mod tests;
