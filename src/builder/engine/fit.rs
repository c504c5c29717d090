//! What a build has to say of platforms, given the engine that makes it.
//!
//! The classic builder takes a base image that the engine has under the name, whichever processors the image is for
//! (Docker 20.10): an engine that builds for several kinds of device has the image of the kind that was built last. A list
//! of images leads to the engine's own processors, unless a platform is named; an image that is none of a list is taken
//! as it is, with or without a platform.

use std::borrow::Cow;

use super::client::Client;
use super::error::EngineError;
use super::image;
use super::request::BuildRequest;

/// An engine, as far as platforms depend on it.
pub(super) struct Fit<'a> {
    pub(super) client: &'a Client,
    pub(super) version: &'a str,
    /// The processors that the engine runs on, as images name them.
    pub(super) architecture: Option<String>,
}

impl Fit<'_> {
    /// The build as this engine has to be asked for it.
    pub(super) async fn of<'r>(
        &self,
        request: &'r BuildRequest,
    ) -> Result<Cow<'r, BuildRequest>, EngineError> {
        let own = self.architecture.as_deref();
        let by_platform = request.by_platform || own != Some(request.architecture.of_images());
        // BuildKit compares what the engine has with the platform itself.
        let pull = request.pull || (!request.buildkit && self.has_other_bases(request).await?);
        if (by_platform, pull) == (request.by_platform, request.pull) {
            return Ok(Cow::Borrowed(request));
        }
        Ok(Cow::Owned(BuildRequest { by_platform, pull, ..request.clone() }))
    }

    /// Whether the engine has a base image that is for other processors than the devices.
    async fn has_other_bases(&self, request: &BuildRequest) -> Result<bool, EngineError> {
        for base in &request.bases {
            let there = match image::inspect(self.client, self.version, base).await {
                // The build says what is wrong with a name.
                Err(EngineError::Answer { .. }) => None,
                there => there?,
            };
            let is_other = |there: image::Inspected| {
                !there.architecture.is_empty()
                    && there.architecture != request.architecture.of_images()
            };
            if there.is_some_and(is_other) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
