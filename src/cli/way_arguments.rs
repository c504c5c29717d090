//! By which ways an image may come, and whom to trust for it: the options of every command that fetches one into the store.

use std::path::PathBuf;

use clap::Args;
use remora::api::Client;
use remora::fetch::{DeltaServer, Link, PullOptions};
use remora::image::ImageReference;

use super::access::AccessArguments;
use super::failure::Failure;
use super::image_name;
use super::secret::secret;
use super::trust_arguments::TrustArguments;
use super::units;

/// The ways.
#[derive(Debug, Args)]
pub(super) struct WayArguments {
    /// An image that a delta may apply to, beside those that were pulled before; may be repeated
    #[arg(long = "from", value_name = "BASE", value_parser = image_name::input)]
    bases: Vec<ImageReference>,
    /// Take no delta: fetch the layers as they are
    #[arg(long)]
    no_delta: bool,
    /// Ask this delta server too, if none of the smallest kind is beside the image; not with --no-delta
    #[arg(long, value_name = "URL", conflicts_with = "no_delta")]
    delta_server: Option<String>,
    /// File with the token for the delta server that permits pulling both images
    #[arg(long, value_name = "FILE", requires = "delta_server")]
    delta_server_token_file: Option<PathBuf>,
    /// The link, in bits a second, that ways are compared for
    #[arg(long, value_parser = units::parse_rate, default_value = "100M", value_name = "RATE")]
    link_rate: u64,
    #[command(flatten)]
    trust: TrustArguments,
}

impl WayArguments {
    /// The images that deltas may apply to.
    pub(super) fn bases(&self) -> &[ImageReference] {
        &self.bases
    }

    /// Returns how to pull.
    pub(super) fn options(&self, access: &AccessArguments) -> Result<PullOptions, Failure> {
        let mut options = PullOptions::default();
        options.platform = access.platform()?;
        options.bases = self.bases.clone();
        options.plain = self.no_delta;
        options.link = Link::of(self.link_rate as f64);
        options.delta_server = self.delta_server(access)?;
        options.policy = self.trust.policy()?;
        Ok(options)
    }

    fn delta_server(&self, access: &AccessArguments) -> Result<Option<DeltaServer>, Failure> {
        let Some(url) = &self.delta_server else { return Ok(None) };
        let token = secret(None, self.delta_server_token_file.as_deref())?;
        let client = Client::new(url, None, access.ca_file())?;
        let client = match token {
            Some(token) => client.with_pull_token(token),
            None => client,
        };
        Ok(Some(DeltaServer::new(client)))
    }
}
