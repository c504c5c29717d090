//! Questions to the registry while a request waits: is this there, and under which digest?
//!
//! Whoever asks what is being asked already shares the answer, so that a thousand devices that want
//! one delta make one request. A registry in trouble is asked by one at a time, less often the longer
//! that lasts; everybody else is held meanwhile.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::trouble::{RegistryAway, Standing, Troubles};
use crate::image::{Digest, ImageError, RegistryReference, Transports};

/// Questions asked at the same time: each takes a thread that mostly waits.
const AT_ONCE: usize = 32;

/// How long the digest of a tag is taken for its digest. Tags of releases do not move.
const TAG_LIFE: Duration = Duration::from_secs(5);

/// How long a delta that was seen is taken for being there: devices that loop need no question each.
const SEEN_LIFE: Duration = Duration::from_secs(3);

/// How long a tag that was not there is taken for missing.
const MISSING_LIFE: Duration = Duration::from_secs(1);

/// How long a sign of life is taken for one: anybody may ask for it.
const REACH_LIFE: Duration = Duration::from_secs(2);

/// Tags remembered.
const MAX_TAGS: usize = 4_096;

type Found = Result<Option<Digest>, RegistryAway>;
type Flight = Shared<BoxFuture<'static, Found>>;

/// Asks the registry, together with everybody who has the same question.
#[derive(Clone)]
pub(super) struct Lookup(Arc<Inner>);

struct Inner {
    transports: Transports,
    slots: Semaphore,
    flights: Mutex<HashMap<String, Flight>>,
    tags: Mutex<HashMap<String, (Instant, Option<Digest>)>>,
    troubles: Mutex<Troubles>,
    /// Told when the registry answers again.
    well_again: Notify,
    reached: tokio::sync::Mutex<Option<(Instant, Result<(), RegistryAway>)>>,
}

impl Lookup {
    /// `patience`: how long trouble may last before nobody waits for its end.
    pub(super) fn new(transports: Transports, patience: Duration) -> Self {
        Lookup(Arc::new(Inner {
            transports,
            slots: Semaphore::new(AT_ONCE),
            flights: Mutex::default(),
            tags: Mutex::default(),
            troubles: Mutex::new(Troubles::new(patience)),
            well_again: Notify::new(),
            reached: tokio::sync::Mutex::default(),
        }))
    }

    /// The digest of what `image` names at this moment, `None` if there is nothing. Waits while the
    /// registry is in trouble, unless that lasts too long.
    pub(super) async fn find(&self, image: &RegistryReference) -> Found {
        loop {
            let mut well_again = pin!(self.0.well_again.notified());
            well_again.as_mut().enable();
            let standing = lock(&self.0.troubles).standing(image.repository(), Instant::now());
            match standing {
                // What failed is known to everybody now; how it stands is looked at again.
                Standing::Ask => {
                    if let Ok(found) = self.flight(image).await {
                        return Ok(found);
                    }
                }
                Standing::Wait(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = well_again => {}
                },
                Standing::Away(away) => return Err(away),
            }
        }
    }

    /// The same, a few seconds old at most.
    pub(super) async fn find_recent(&self, image: &RegistryReference) -> Found {
        let name = image.to_string();
        if let Some((asked, found)) = lock(&self.0.tags).get(&name)
            && asked.elapsed() < if found.is_some() { TAG_LIFE } else { MISSING_LIFE }
        {
            return Ok(*found);
        }
        self.find(image).await
    }

    /// Whether `image` names `digest`, or did a moment ago. That it does not is never taken from
    /// memory: what was pushed meanwhile counts.
    pub(super) async fn is(
        &self,
        image: &RegistryReference,
        digest: Digest,
    ) -> Result<bool, RegistryAway> {
        if let Some((asked, found)) = lock(&self.0.tags).get(&image.to_string())
            && asked.elapsed() < SEEN_LIFE
            && *found == Some(digest)
        {
            return Ok(true);
        }
        Ok(self.find(image).await? == Some(digest))
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
        let answer = answer.and_then(|answer| answer.map_err(RegistryAway::passing));
        *known = Some((Instant::now(), answer.clone()));
        answer
    }

    fn flight(&self, image: &RegistryReference) -> Flight {
        let name = image.to_string();
        let mut flights = lock(&self.0.flights);
        flights.entry(name.clone()).or_insert_with(|| self.start(name, image.clone())).clone()
    }

    /// Asks on a task of its own, which goes on if those who wait for it don't.
    fn start(&self, name: String, image: RegistryReference) -> Flight {
        let lookup = self.clone();
        let task = tokio::spawn(async move {
            let (wanted, repository) = (image.clone(), image.repository().to_owned());
            let found = lookup.ask(move |transports| transports.find(&wanted)).await;
            let found = found.and_then(|found| lookup.note(&name, &repository, found));
            lock(&lookup.0.flights).remove(&name);
            found
        });
        let gone = |_| Err(RegistryAway::passing("the question was given up"));
        task.map(move |result| result.unwrap_or_else(gone)).boxed().shared()
    }

    /// Remembers what came of a question. One line in the log says that trouble began, one that it is
    /// over.
    fn note(
        &self,
        name: &str,
        repository: &str,
        found: Result<Option<Digest>, ImageError>,
    ) -> Found {
        match &found {
            Ok(digest) => {
                if lock(&self.0.troubles).answered(repository) {
                    tracing::info!(repository, "the registry answers again");
                    self.0.well_again.notify_waiters();
                }
                self.remember(name, *digest);
            }
            Err(error) => {
                if lock(&self.0.troubles).failed(repository, error, Instant::now()) {
                    tracing::warn!(repository, %error, "the registry cannot be asked");
                }
            }
        }
        found.map_err(RegistryAway::passing)
    }

    fn remember(&self, name: &str, digest: Option<Digest>) {
        let mut tags = lock(&self.0.tags);
        if tags.len() >= MAX_TAGS {
            tags.clear();
        }
        tags.insert(name.to_owned(), (Instant::now(), digest));
    }

    /// Has `question` answered on a thread of its own, few at the same time.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Transports) -> T + Send + 'static,
    ) -> Result<T, RegistryAway> {
        let inner = Arc::clone(&self.0);
        let _slot = self.0.slots.acquire().await.map_err(RegistryAway::passing)?;
        let answer = tokio::task::spawn_blocking(move || question(&inner.transports)).await;
        answer.map_err(RegistryAway::passing)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
