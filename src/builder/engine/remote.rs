//! One engine and what it can be asked for.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::Stream;

use super::build::{Builder, Built};
use super::client::Client;
use super::error::{Away, EngineError};
use super::fit::Fit;
use super::health::{Health, Spoken};
use super::image;
use super::lines::Sink;
use super::prune::Prune;
use super::push::{ProgressSink, Push};
use super::request::{BuildRequest, Login};
use super::settings::{EngineSettings, Pruning};
use super::tags::Tags;
use crate::engine::{EngineAddress, certificates_for};
use crate::image::Digest;

/// An engine somewhere.
#[derive(Debug)]
pub struct Engine {
    client: Client,
    network_mode: Option<String>,
    limit: Duration,
    health: Health,
    tags: Tags,
}

impl Engine {
    pub(super) fn new(
        address: &EngineAddress,
        settings: &EngineSettings,
    ) -> Result<Self, EngineError> {
        Ok(Engine {
            client: Client {
                address: address.clone(),
                tls: certificates_for(address, settings.certificates.as_deref())?,
                connect: settings.connect,
                silence: settings.silence,
            },
            network_mode: settings.network_mode.clone(),
            limit: settings.build,
            health: Health::new(),
            tags: Tags::default(),
        })
    }

    /// Returns the engine's address.
    pub fn name(&self) -> String {
        self.client.name()
    }

    /// Builds an image of `context`, a tar, and tells its output to `sink` line by line. Whoever drops the future stops
    /// the build at the engine.
    ///
    /// # Errors
    /// If the build fails, is for other processors than wanted, or the engine goes away.
    pub async fn build(
        &self,
        request: &BuildRequest,
        context: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        sink: Sink<'_>,
    ) -> Result<Built, EngineError> {
        let Spoken { version, architecture } = self.spoken().await?;
        let network_mode = self.network_mode.as_deref();
        let builder =
            Builder { client: &self.client, version: &version, network_mode, limit: self.limit };
        let fit = Fit { client: &self.client, version: &version, architecture };
        let fitting = self.noted(fit.of(request).await)?;
        let tags = self.tags.keep().await;
        let built = self.noted(builder.build(&fitting, context, sink).await);
        drop(tags);
        if let Err(error) = self.tags.take_off(&self.client, &version).await {
            tracing::debug!(engine = self.name(), %error, "tags stay until the engine is pruned");
        }
        built
    }

    /// Pushes the image `location` with this tag, up to four times. Returns the digest that the engine tells.
    ///
    /// # Errors
    /// If the registry or the engine refuses.
    pub async fn push(
        &self,
        location: &str,
        tag: &str,
        login: &Login,
        progress: ProgressSink<'_>,
    ) -> Result<Option<Digest>, EngineError> {
        let version = self.version().await?;
        let push = Push { client: &self.client, version: &version, location, tag, login };
        self.noted(push.push(progress).await)
    }

    /// Whether the engine has an image of this name.
    ///
    /// # Errors
    /// If the engine can't be asked.
    pub async fn has_image(&self, name: &str) -> Result<bool, EngineError> {
        let version = self.version().await?;
        let inspected = image::inspect(&self.client, &version, name).await;
        Ok(self.noted(inspected)?.is_some())
    }

    /// Takes a tag off its image; the layers stay as cache. A tag that isn't there is fine. While something is built on
    /// the engine the tag stays: the image may be what that build comes to.
    ///
    /// # Errors
    /// If the engine can't be asked.
    pub async fn remove_tag(&self, location: &str, tag: &str) -> Result<(), EngineError> {
        let version = self.version().await?;
        self.tags.discard(format!("{location}:{tag}"));
        self.noted(self.tags.take_off(&self.client, &version).await)
    }

    /// Removes what is old, and younger things while there is too much.
    ///
    /// # Errors
    /// If the engine can't be asked.
    pub async fn prune(&self, pruning: &Pruning) -> Result<(), EngineError> {
        let version = self.version().await?;
        self.noted(self.tags.take_off(&self.client, &version).await)?;
        let prune = Prune { client: &self.client, version: &version, pruning };
        self.noted(prune.prune().await)
    }

    /// Looks whether the engine is there.
    pub(super) async fn look(&self, is_urgent: bool) -> Result<(), Away> {
        let away = |reason| Away { engine: self.name(), reason };
        self.health.look(&self.client, is_urgent).await.map(drop).map_err(away)
    }

    /// Why the engine is away, if it is known to be.
    pub(super) fn away(&self) -> Option<Away> {
        self.health.reason().map(|reason| Away { engine: self.name(), reason })
    }

    /// When the engine is to be looked for again, if it is away.
    pub(super) fn again(&self) -> Option<Instant> {
        self.health.again()
    }

    async fn version(&self) -> Result<String, EngineError> {
        Ok(self.spoken().await?.version)
    }

    async fn spoken(&self) -> Result<Spoken, EngineError> {
        let unreachable = |reason| EngineError::Unreachable { engine: self.name(), reason };
        self.health.look(&self.client, true).await.map_err(unreachable)
    }

    /// An engine that failed is looked for before anything else is asked of it.
    fn noted<T>(&self, outcome: Result<T, EngineError>) -> Result<T, EngineError> {
        if outcome.as_ref().is_err_and(EngineError::is_the_engines) {
            self.health.doubt();
        }
        outcome
    }
}
