//! How images are reached: the options of every command that reads or writes one.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use remora::image::{ArchiveFile, ImageReference, Platform, TransportSettings, Transports};
use remora::store::Store;

use super::failure::Failure;
use super::session::Session;

/// Where images come from and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Image options")]
pub(super) struct AccessArguments {
    /// Which image of a multi-platform one, as os/arch[/variant] [default: this machine's]
    #[arg(long)]
    platform: Option<Platform>,
    /// The file with registry credentials [default: where podman, skopeo and docker look]
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,
    /// Talk plain HTTP to registries that are not on this machine
    #[arg(long)]
    plain_http: bool,
    /// Trust the certificates in this PEM file beside the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArguments,
}

/// Where uncompressed layers are kept.
#[derive(Debug, Args)]
pub(super) struct StoreArguments {
    /// The folder that keeps uncompressed layers [default: remora in the user's cache]
    #[arg(long, env = "REMORA_STORE", hide_env_values = true, global = true, value_name = "DIR")]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    store: Option<PathBuf>,
}

impl AccessArguments {
    /// The ways to images.
    pub(super) fn transports(&self) -> Result<Transports, Failure> {
        let settings = TransportSettings {
            authfile: self.authfile.clone(),
            plain_http: self.plain_http,
            ca_file: self.ca_file.clone(),
            ..TransportSettings::default()
        };
        Ok(Transports::new(settings)?)
    }

    /// The platform whose image is meant.
    pub(super) fn platform(&self) -> Platform {
        self.platform.clone().unwrap_or_else(Platform::host)
    }

    /// The store, opened.
    pub(super) fn store(&self) -> Result<Store, Failure> {
        self.store.open()
    }
}

impl StoreArguments {
    /// The store, opened.
    pub(super) fn open(&self) -> Result<Store, Failure> {
        // An empty variable is one that is not set.
        let named = self.store.clone().filter(|path| !path.as_os_str().is_empty());
        let path = named.map_or_else(Store::default_path, Ok)?;
        Ok(Store::open(path)?)
    }
}

/// Refuses to read two images from the one standard input.
pub(super) fn refuse_stdin_twice(inputs: [&ImageReference; 2]) -> Result<(), Failure> {
    match inputs.iter().all(|input| is_stdio(input)) {
        true => Err(Failure::usage(
            "standard input cannot carry two images",
            "name a file for one of them",
        )),
        false => Ok(()),
    }
}

/// Whether the image goes to stdout. It cannot go there together with a JSON answer, and a terminal
/// is no place for it.
pub(super) fn claim_stdout(output: &ImageReference, session: &Session) -> Result<bool, Failure> {
    if !is_stdio(output) {
        return Ok(false);
    }
    if session.json() {
        let what = "standard output cannot carry both the image and --json";
        return Err(Failure::usage(what, "write the image to a file"));
    }
    if std::io::stdout().is_terminal() {
        let what = "standard output is a terminal, which an image would garble";
        return Err(Failure::usage(what, "pipe it on, or write the image to a file"));
    }
    Ok(true)
}

fn is_stdio(reference: &ImageReference) -> bool {
    matches!(reference, ImageReference::DockerArchive { file: ArchiveFile::Stdio, .. })
}
