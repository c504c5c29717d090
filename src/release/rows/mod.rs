//! The rows that a build writes: a release, its images, and how they end. Blocks.
//!
//! Door: [`ReleaseRows`], one user's pen. Nothing here reads a release for updates (the room above does) or knows how
//! images come to be.

mod close;
mod create;
mod fleet;
mod lookup;

use std::time::SystemTime;

use serde_json::Value;

use super::api::Api;
use super::{ReleaseError, ReleaseSettings};
use crate::api::Secret;

pub(crate) use fleet::BuildFleet;

/// Repositories of one token beside the one that is pushed to: the header with it stays below 8 KiB.
const MAX_OTHERS: usize = 50;

/// A release that begins.
pub(crate) struct NewRelease<'a> {
    pub(crate) fleet: u64,
    pub(crate) commit: &'a str,
    pub(crate) composition: &'a Value,
    pub(crate) contract: Option<&'a Value>,
    pub(crate) semver: Option<&'a str>,
    pub(crate) started: SystemTime,
}

/// An image that is to be built: its row, and where the API wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewImage {
    pub(crate) id: u64,
    /// Registry and repository.
    pub(crate) location: String,
}

/// What became of an image that was built.
pub(crate) struct BuiltImage<'a> {
    pub(crate) content_hash: &'a str,
    /// Bytes on the engine.
    pub(crate) size: u64,
    pub(crate) pushed: SystemTime,
    pub(crate) dockerfile: &'a str,
    pub(crate) project_type: &'a str,
    pub(crate) log: &'a str,
}

/// How a release or image that is not there ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadEnd {
    Failed,
    Cancelled,
}

/// A version of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ApiVersion(pub(super) &'static str);

/// One user's way to write. Several threads may write at the same time.
#[derive(Debug)]
pub(crate) struct ReleaseRows {
    api: Api,
}

impl ReleaseRows {
    /// Contacts nobody.
    pub(crate) fn new(settings: &ReleaseSettings) -> Result<Self, ReleaseError> {
        Ok(ReleaseRows { api: Api::new(settings)? })
    }

    /// The same user again, who was asked about just now: what the API said of version and token holds.
    pub(crate) fn again(
        settings: &ReleaseSettings,
        version: ApiVersion,
    ) -> Result<Self, ReleaseError> {
        let rows = Self::new(settings)?;
        rows.api.knows(version.0);
        Ok(rows)
    }

    /// The version that the API speaks, as far as it is known.
    pub(crate) fn version(&self) -> ApiVersion {
        ApiVersion(self.api.version())
    }

    /// Where the images of a release are: registry and repository.
    pub(crate) fn locations(&self, release: u64) -> Result<Vec<String>, ReleaseError> {
        let release = self.api.release(&release.to_string())?;
        let images = release.map(|release| release.images).unwrap_or_default();
        Ok(images.into_iter().map(|image| image.location).collect())
    }

    /// A token that permits to push to `location`, and to pull from `others` of the same registry.
    pub(crate) fn pushing_token(
        &self,
        location: &str,
        others: &[String],
    ) -> Result<Secret, ReleaseError> {
        let (host, repository) = location.split_once('/').unwrap_or((location, ""));
        let same = |other: &String| other.strip_prefix(host)?.strip_prefix('/').map(str::to_owned);
        let others = others.iter().filter_map(same).take(MAX_OTHERS);
        let scopes = others.map(|repository| format!("repository:{repository}:pull"));
        let own = format!("repository:{repository}:pull,push");
        self.api.registry_token(host, &std::iter::once(own).chain(scopes).collect::<Vec<_>>())
    }

    /// Makes sure that the API takes the token and that it is a user's. Returns the user's name.
    pub(crate) fn user(&self) -> Result<String, ReleaseError> {
        self.api.check_token()
    }
}

/// A time as the API takes it.
fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
