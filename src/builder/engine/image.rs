//! What an engine says of an image, and what is asked of one.

use http::Method;
use serde::Deserialize;

use super::client::{Client, call};
use super::error::EngineError;

/// An image as an engine describes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    pub(super) id: String,
    #[serde(default)]
    pub(super) size: u64,
    #[serde(default)]
    pub(super) architecture: String,
    #[serde(default)]
    pub(super) variant: Option<String>,
    #[serde(default)]
    pub(super) metadata: Option<Metadata>,
}

/// What an engine remembers of an image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) last_tag_time: Option<String>,
}

/// Asks for the image `name`; `None` if there is none.
pub(super) async fn inspect(
    client: &Client,
    version: &str,
    name: &str,
) -> Result<Option<Inspected>, EngineError> {
    let path = format!("{version}/images/{}/json", encoded(name));
    match client.ask(call(Method::GET, &path)).await {
        Ok(inspected) => Ok(Some(inspected)),
        Err(EngineError::Answer { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes the name `name` off its image, whose layers stay as cache. An image that isn't there is fine.
pub(super) async fn untag(client: &Client, version: &str, name: &str) -> Result<(), EngineError> {
    let path = format!("{version}/images/{}?noprune=1", encoded(name));
    match client.tell(call(Method::DELETE, &path), client.silence).await {
        Err(EngineError::Answer { status: 404, .. }) => Ok(()),
        other => other,
    }
}

/// A name as it stands in a path.
pub(super) fn encoded(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:@".contains(&byte);
    let one = |byte: u8| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    name.bytes().map(one).collect()
}
