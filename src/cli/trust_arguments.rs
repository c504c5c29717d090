//! Whom to trust: the options of every command that fetches an image to be used.

use std::path::PathBuf;

use clap::Args;
use remora::trust::{Policy, TrustError};

/// What images must be to be used.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust options")]
pub(super) struct TrustArguments {
    /// Use only images that this policy.json accepts [default: the user's, then the system's, where podman and
    /// skopeo look; without any, nothing is checked]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Use only images that are signed with this public key for their repository, and that the policy accepts too
    #[arg(long, value_name = "FILE")]
    verify_key: Option<PathBuf>,
}

impl TrustArguments {
    /// The rules that images must meet; `None` if there are none.
    pub(super) fn policy(&self) -> Result<Option<Policy>, TrustError> {
        let policy = match &self.policy {
            Some(path) => Some(Policy::from_file(path)?),
            None => Policy::from_default_places()?,
        };
        let key = self.verify_key.as_deref().map(Policy::of_key).transpose()?;
        Ok(match (policy, key) {
            (Some(policy), Some(key)) => Some(policy.and(key)),
            (policy, key) => policy.or(key),
        })
    }
}
