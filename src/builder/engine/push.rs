//! Images on their way from an engine to the registry.

use std::collections::HashMap;
use std::time::Duration;

use http::Method;

use super::client::{Client, call};
use super::error::EngineError;
use super::image::encoded;
use super::objects::{Detail, Object, Objects};
use super::request::{Login, login_header};
use super::words;
use crate::image::Digest;

/// Tries after the first one, as openBalena's clients make them.
const RETRIES: u32 = 3;
/// The pause before the first of them, and how much longer each further one is.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_GROWTH: f64 = 1.4;
/// How long an engine may say nothing of a push: a registry takes its time to check a large layer.
const SILENCE: Duration = Duration::from_secs(15 * 60);
/// Layers that progress is kept of: images have 127 at most.
const MAX_LAYERS: usize = 1000;

/// How far a push is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are there.
    pub current: u64,
    /// All bytes, as far as they are known.
    pub total: u64,
}

/// Whoever progress is told to.
pub type ProgressSink<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// One image and where it goes.
pub(super) struct Push<'a> {
    pub(super) client: &'a Client,
    pub(super) version: &'a str,
    pub(super) location: &'a str,
    pub(super) tag: &'a str,
    pub(super) login: &'a Login,
}

impl Push<'_> {
    /// Pushes, again if need be. Returns the digest that the engine tells.
    pub(super) async fn push(
        &self,
        progress: ProgressSink<'_>,
    ) -> Result<Option<Digest>, EngineError> {
        let mut pause = PAUSE;
        for _ in 0..RETRIES {
            match self.once(progress).await {
                Err(error) if may_pass(&error) => tokio::time::sleep(pause).await,
                other => return other,
            }
            pause = pause.mul_f64(PAUSE_GROWTH);
        }
        self.once(progress).await
    }

    async fn once(&self, progress: ProgressSink<'_>) -> Result<Option<Digest>, EngineError> {
        let (name, tag) = (encoded(self.location), encoded(self.tag));
        let path = format!("{}/images/{name}/push?tag={tag}", self.version);
        let mut pushing = call(Method::POST, &path);
        pushing.headers_mut().insert("x-registry-auth", login_header(self.login));
        let answer = self.client.send(pushing);
        let answer = tokio::time::timeout(SILENCE, answer).await.map_err(|_| self.silent())??;
        let mut objects = Objects::new(self.client, answer);
        let (mut layers, mut digest) = (Layers::default(), None);
        loop {
            let next = tokio::time::timeout(SILENCE, objects.next()).await;
            let Some(mut object) = next.map_err(|_| self.silent())?? else { return Ok(digest) };
            if let Some(failure) = object.failure() {
                return Err(self.failed(failure.message));
            }
            digest = digest_in(&object).or(digest);
            layers.take(&object).into_iter().for_each(&mut *progress);
        }
    }

    fn silent(&self) -> EngineError {
        EngineError::Silent { engine: self.client.name(), after: SILENCE }
    }

    fn failed(&self, message: String) -> EngineError {
        let (engine, location) = (self.client.name(), self.location.to_owned());
        if words::is_of_a_vanished_image(&message) {
            return EngineError::Vanished { engine };
        }
        EngineError::Push { engine, location, message }
    }
}

/// Whether the same push may succeed later.
fn may_pass(error: &EngineError) -> bool {
    match error {
        EngineError::Push { message, .. } => {
            !["denied", "unauthorized", "authentication required", "does not exist"]
                .iter()
                .any(|words| message.contains(words))
        }
        EngineError::Answer { status, .. } => *status >= 500,
        other => other.is_the_engines() && !matches!(other, EngineError::Tls { .. }),
    }
}

/// The digest, in an object of its own or in words (`latest: digest: sha256:… size: 735`).
fn digest_in(object: &Object) -> Option<Digest> {
    let told = object.aux.as_ref().and_then(|aux| aux.get("Digest")?.as_str());
    let in_words = || object.status.as_ref()?.split_once("digest: ")?.1.split(' ').next();
    told.or_else(in_words)?.parse().ok()
}

/// The layers of an image in a push.
#[derive(Debug, Default)]
struct Layers(HashMap<String, Progress>);

impl Layers {
    /// Takes one object; returns how far all is if that is news.
    fn take(&mut self, object: &Object) -> Option<Progress> {
        let (id, status) = (object.id.as_ref()?, object.status.as_deref()?);
        if self.0.len() >= MAX_LAYERS && !self.0.contains_key(id) {
            return None;
        }
        let layer = self.0.entry(id.clone()).or_insert(Progress { current: 0, total: 0 });
        match (status, &object.progress) {
            ("Pushing", Some(Detail { current: Some(current), total })) => {
                layer.total = total.unwrap_or(layer.total).max(*current);
                layer.current = *current;
            }
            ("Pushed", _) => layer.current = layer.total,
            _ => return None,
        }
        let sum = |of: fn(&Progress) -> u64| self.0.values().map(of).fold(0, u64::saturating_add);
        Some(Progress { current: sum(|layer| layer.current), total: sum(|layer| layer.total) })
    }
}
