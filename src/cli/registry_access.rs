//! How registries are reached: the options of every command that talks to one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args};
use remora::image::{ArchiveFile, EnginePlace, ImageReference, RegistryLogin, TransportSettings};

use super::failure::Failure;
use super::password;
use super::units::parse_time;

/// The way to registries.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry options")]
pub(super) struct RegistryArguments {
    /// The file with registry credentials [default: where podman, skopeo and docker look]
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,
    /// Talk plain HTTP to registries that are not on this machine
    #[arg(long)]
    plain_http: bool,
    /// Trust the certificates in this PEM file beside the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Folder with *.crt to trust, *.cert and *.key to show [default: certs.d/HOST[:PORT], where
    /// podman and docker look]
    #[arg(long, value_name = "DIR")]
    cert_dir: Option<PathBuf>,
    /// Whether registries must speak HTTPS with a certificate that is trusted
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    #[arg(hide_default_value = true)]
    tls_verify: bool,
    /// How long a registry may be silent [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,
    /// How often a request that fails is repeated [default: 5]
    #[arg(long, value_name = "N")]
    retries: Option<u16>,
}

/// A user and perhaps a password, as they are given in one word.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry options")]
pub(super) struct CredentialArguments {
    /// User of the one registry that the command names; without a password Remora asks for it. Others
    /// can read what stands here: better log in, or leave the password out
    #[arg(long, value_name = "USER[:PASSWORD]", hide_env_values = true)]
    creds: Option<Credentials>,
}

/// What `--creds` says.
#[derive(Clone)]
struct Credentials(String);

impl From<String> for Credentials {
    fn from(text: String) -> Self {
        Credentials(text)
    }
}

impl std::fmt::Debug for Credentials {
    /// Says nothing of the password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Credentials")
    }
}

impl RegistryArguments {
    /// The file of certificates to trust beside the system's.
    pub(super) fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// The settings that follow.
    pub(super) fn settings(&self) -> TransportSettings {
        let mut settings = TransportSettings::default();
        settings.authfile.clone_from(&self.authfile);
        settings.plain_http = self.plain_http;
        settings.ca_file.clone_from(&self.ca_file);
        settings.cert_dir.clone_from(&self.cert_dir);
        settings.tls_verify = self.tls_verify;
        settings.silence = self.timeout.unwrap_or(settings.silence);
        settings.engine = engine();
        if let Some(retries) = self.retries {
            settings.max_attempts = u32::from(retries) + 1;
        }
        settings
    }
}

/// Where the Docker Engine is, as the environment says for docker itself.
fn engine() -> EnginePlace {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let host = set("DOCKER_HOST").map(|host| host.to_string_lossy().into_owned());
    let tls = set("DOCKER_TLS_VERIFY").is_some();
    let usual = || set("HOME").map(|home| PathBuf::from(home).join(".docker"));
    let folder = || set("DOCKER_CERT_PATH").map(PathBuf::from).or_else(usual);
    let certificates = tls.then(folder).flatten();
    EnginePlace { host, tls, certificates }
}

impl CredentialArguments {
    /// The login for the one registry among `references`.
    pub(super) fn login(
        &self,
        references: &[&ImageReference],
    ) -> Result<Option<RegistryLogin>, Failure> {
        let Some(Credentials(text)) = &self.creds else { return Ok(None) };
        let host = one_host(references)?;
        let (user, password) = match text.split_once(':') {
            Some((user, password)) => (user.to_owned(), password.to_owned()),
            None => (text.clone(), {
                let taken = references.iter().any(|it| it.archive() == Some(&ArchiveFile::Stdio));
                password::ask(&format!("Password of {text} at {host}: "), !taken)?
            }),
        };
        if user.is_empty() {
            return Err(Failure::usage("--creds names no user", "write --creds USER[:PASSWORD]"));
        }
        Ok(Some(RegistryLogin::new(host, user, password)))
    }
}

fn one_host(references: &[&ImageReference]) -> Result<String, Failure> {
    let hosts = references.iter().filter_map(|reference| Some(reference.registry()?.host()));
    let mut hosts: Vec<&str> = hosts.collect();
    hosts.sort_unstable();
    hosts.dedup();
    let hint = "log in to each with remora login";
    match hosts.as_slice() {
        [host] => Ok((*host).to_owned()),
        [] => Err(Failure::usage("--creds means nothing without a registry", "leave it out")),
        many => {
            let what = format!("--creds is for one registry, and there are {}", many.join(", "));
            Err(Failure::usage(what, hint))
        }
    }
}
