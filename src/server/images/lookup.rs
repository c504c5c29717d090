//! Questions to the registry while a request waits: is this there, and under which digest?
//!
//! Whoever asks what is being asked already shares the answer, so that a thousand devices that want
//! one delta make one request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;

use crate::image::{Digest, RegistryReference, Transports};

/// Questions asked at the same time: each takes a thread that mostly waits.
const AT_ONCE: usize = 32;

/// How long the digest of a tag is taken for its digest. Tags of releases do not move.
const TAG_LIFE: Duration = Duration::from_secs(5);

/// How long a sign of life is taken for one: anybody may ask for it.
const REACH_LIFE: Duration = Duration::from_secs(2);

/// Tags remembered.
const MAX_TAGS: usize = 4_096;

/// The registry did not answer, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct RegistryAway(pub(crate) String);

type Found = Result<Option<Digest>, RegistryAway>;
type Flight = Shared<BoxFuture<'static, Found>>;

/// Asks the registry, together with everybody who has the same question.
#[derive(Clone)]
pub(super) struct Lookup(Arc<Inner>);

struct Inner {
    transports: Transports,
    slots: Semaphore,
    flights: Mutex<HashMap<String, Flight>>,
    tags: Mutex<HashMap<String, (Instant, Digest)>>,
    reached: tokio::sync::Mutex<Option<(Instant, Result<(), RegistryAway>)>>,
}

impl Lookup {
    pub(super) fn new(transports: Transports) -> Self {
        Lookup(Arc::new(Inner {
            transports,
            slots: Semaphore::new(AT_ONCE),
            flights: Mutex::default(),
            tags: Mutex::default(),
            reached: tokio::sync::Mutex::default(),
        }))
    }

    /// The digest of what `image` names at this moment, `None` if there is nothing.
    pub(super) async fn find(&self, image: &RegistryReference) -> Found {
        let name = image.to_string();
        let flight = {
            let mut flights = lock(&self.0.flights);
            flights.entry(name.clone()).or_insert_with(|| self.start(name, image.clone())).clone()
        };
        flight.await
    }

    /// The same, a few seconds old at most.
    pub(super) async fn find_recent(&self, image: &RegistryReference) -> Found {
        let name = image.to_string();
        if let Some((found, digest)) = lock(&self.0.tags).get(&name)
            && found.elapsed() < TAG_LIFE
        {
            return Ok(Some(*digest));
        }
        let found = self.find(image).await?;
        if let Some(digest) = found {
            let mut tags = lock(&self.0.tags);
            if tags.len() >= MAX_TAGS {
                tags.clear();
            }
            tags.insert(name, (Instant::now(), digest));
        }
        Ok(found)
    }

    /// Whether the registry `host` gives a sign of life, or gave one a moment ago. However many ask,
    /// it is asked by one at a time.
    pub(super) async fn reach(&self, host: &str) -> Result<(), RegistryAway> {
        let mut known = self.0.reached.lock().await;
        if let Some((asked, answer)) = &*known
            && asked.elapsed() < REACH_LIFE
        {
            return answer.clone();
        }
        let host = host.to_owned();
        let answer = self.ask(move |transports| transports.reach(&host)).await;
        *known = Some((Instant::now(), answer.clone()));
        answer
    }

    /// Asks on a task of its own, which goes on if those who wait for it don't.
    fn start(&self, name: String, image: RegistryReference) -> Flight {
        let lookup = self.clone();
        let task = tokio::spawn(async move {
            let found = lookup.ask(move |transports| transports.find(&image)).await;
            lock(&lookup.0.flights).remove(&name);
            found
        });
        let gone = |_| Err(RegistryAway("the question was given up".to_owned()));
        task.map(move |result| result.unwrap_or_else(gone)).boxed().shared()
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Transports) -> Result<T, crate::image::ImageError> + Send + 'static,
    ) -> Result<T, RegistryAway> {
        let inner = Arc::clone(&self.0);
        let away = |error: String| RegistryAway(error);
        let _slot = self.0.slots.acquire().await.map_err(|error| away(error.to_string()))?;
        let answer = tokio::task::spawn_blocking(move || question(&inner.transports)).await;
        answer.map_err(|error| away(error.to_string()))?.map_err(|error| away(error.to_string()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
