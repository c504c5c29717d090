//! The way to an openBalena installation: the options of every command that asks one.

use std::path::{Path, PathBuf};

use clap::Args;
use remora::release::{Installation, ReleaseSettings};

use crate::cli::failure::Failure;
use crate::cli::secret::secret;

/// Where the installation is, and who asks.
#[derive(Debug, Args)]
#[command(next_help_heading = "openBalena options")]
pub(super) struct InstallationArguments {
    /// File with an API key or a session's token [default: BALENA_API_KEY, then balena login's]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The API [default: as the balena CLI is set: BALENARC_API_URL, BALENARC_BALENA_URL, ~/.balenarc.yml]
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// The delta server [default: as the balena CLI is set: BALENARC_DELTA_URL or delta.DOMAIN]
    #[arg(long, env = "REMORA_SERVER", value_name = "URL")]
    server: Option<String>,
    /// The delta server's builder credential, shown in the place of tokens of the user's own. Better given by
    /// the environment or a file: others can read flags
    #[arg(long, env = "TOKEN_AUTH_BUILDER_TOKEN", hide_env_values = true)]
    #[arg(value_name = "SECRET")]
    builder_token: Option<String>,
    /// File with the builder credential
    #[arg(long, env = "TOKEN_AUTH_BUILDER_TOKEN_FILE", value_name = "FILE")]
    builder_token_file: Option<PathBuf>,
    /// Trust the certificates in this PEM file beside the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Talk plain HTTP to a registry that is not on this machine
    #[arg(long)]
    plain_http: bool,
}

impl InstallationArguments {
    /// The installation. Nobody is contacted yet.
    pub(super) fn installation(&self) -> Result<Installation, Failure> {
        Ok(Installation::new(self.settings()?)?)
    }

    /// The way there, with the token as it is now.
    pub(super) fn settings(&self) -> Result<ReleaseSettings, Failure> {
        let builder = secret(self.builder_token.as_deref(), self.builder_token_file.as_deref())?;
        let settings = ReleaseSettings::from_surroundings(self.token_file.as_deref())?;
        Ok(settings.changed(|settings| {
            settings.builder = builder;
            settings.ca_file.clone_from(&self.ca_file);
            settings.plain_http = self.plain_http;
            if let Some(api) = &self.api {
                settings.api.clone_from(api);
            }
            if let Some(server) = &self.server {
                settings.delta_server.clone_from(server);
            }
        }))
    }

    /// The files that are read.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let files = [&self.token_file, &self.builder_token_file, &self.ca_file];
        files.into_iter().filter_map(|file| file.as_deref())
    }
}
