//! What deltas that are ready are made of, for whoever looks: read from the registry one at a time, beside
//! everything else, and remembered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use super::transport_settings;
use super::watch::{Budget, Watch};
use super::work_error::WorkError;
use crate::image::{
    Digest, ImageError, ImageReference, RegistryReference, Transports, UnpackLimits,
};
use crate::progress::Silent;
use crate::server::build::BuildError;
use crate::server::settings::RegistrySettings;
use crate::store::Store;
use crate::v3::{self, Weighed};

/// Files that are named.
const FILES: usize = 20;
/// Bytes of a delta that is looked into. A larger one would keep the registry busy for somebody's curiosity.
const MAX_BYTES: u64 = 256 << 20;
/// Deltas that wait to be looked into.
const MAX_WAITING: usize = 8;
/// Deltas of which it is remembered what they are made of: a few kilobytes each.
const MAX_KNOWN: usize = 64;
/// How long one look may take.
const BUDGET: Budget = Budget { time: Duration::from_secs(120), ..Budget::OPEN };

/// What there is to say of a delta.
#[derive(Debug, Clone)]
pub(crate) enum Insight {
    /// What it is made of.
    Known(Arc<Weighed>),
    /// It is being read.
    Reading,
    /// Too many others are being read.
    Busy,
    /// It is too large to be looked into.
    TooLarge,
    /// It could not be read, and why.
    Trouble(String),
}

/// Looks into deltas.
#[derive(Clone)]
pub(crate) struct Insights(Arc<Inner>);

struct Inner {
    registry: RegistrySettings,
    transports: Transports,
    store: Store,
    limits: UnpackLimits,
    turn: Semaphore,
    looks: Mutex<Looks>,
}

type Looked = Result<Arc<Weighed>, String>;

#[derive(Default)]
struct Looks {
    known: HashMap<Digest, Arc<Weighed>>,
    /// In the order in which they came.
    order: VecDeque<Digest>,
    reading: HashMap<Digest, watch::Receiver<Option<Looked>>>,
}

impl Insights {
    /// Reads the CA file, if there is one; contacts nobody.
    pub(crate) fn new(
        registry: &RegistrySettings,
        store: Store,
        limits: UnpackLimits,
    ) -> Result<Self, ImageError> {
        let transports = Transports::new(transport_settings(registry))?;
        let (registry, turn, looks) = (registry.clone(), Semaphore::new(1), Mutex::default());
        Ok(Insights(Arc::new(Inner { registry, transports, store, limits, turn, looks })))
    }

    /// Looks into a delta of `bytes` bytes, and waits for that for `time` at most. Whoever comes later finds
    /// what was read.
    pub(crate) async fn of(
        &self,
        repository: &str,
        digest: Digest,
        bytes: u64,
        time: Duration,
    ) -> Insight {
        if bytes > MAX_BYTES {
            return Insight::TooLarge;
        }
        let mut reading = match self.look(repository, digest) {
            Ok(reading) => reading,
            Err(insight) => return insight,
        };
        let looked = tokio::time::timeout(time, reading.wait_for(Option::is_some)).await;
        match looked {
            Ok(Ok(looked)) => match &*looked {
                Some(Ok(weighed)) => Insight::Known(Arc::clone(weighed)),
                Some(Err(trouble)) => Insight::Trouble(trouble.clone()),
                None => Insight::Reading,
            },
            Ok(Err(_)) | Err(_) => Insight::Reading,
        }
    }

    /// What is to be waited for, or what is known at once.
    fn look(
        &self,
        repository: &str,
        digest: Digest,
    ) -> Result<watch::Receiver<Option<Looked>>, Insight> {
        let mut looks = self.0.looks();
        if let Some(weighed) = looks.known.get(&digest) {
            return Err(Insight::Known(Arc::clone(weighed)));
        }
        if let Some(reading) = looks.reading.get(&digest) {
            return Ok(reading.clone());
        }
        if looks.reading.len() >= MAX_WAITING {
            return Err(Insight::Busy);
        }
        let (sender, receiver) = watch::channel(None);
        looks.reading.insert(digest, receiver.clone());
        let (inner, repository) = (Arc::clone(&self.0), repository.to_owned());
        tokio::spawn(async move {
            let looked = Inner::read(&inner, repository, digest).await;
            inner.keep(digest, &looked);
            sender.send_replace(Some(looked));
        });
        Ok(receiver)
    }
}

impl Inner {
    async fn read(inner: &Arc<Self>, repository: String, digest: Digest) -> Looked {
        let Ok(_turn) = inner.turn.acquire().await else {
            return Err("the server stops".to_owned());
        };
        let reader = Arc::clone(inner);
        let read = move || reader.weigh(&repository, digest);
        let read = tokio::task::spawn_blocking(read).await;
        let defect = |_| Err("the server stopped at a defect".to_owned());
        read.unwrap_or_else(defect)
    }

    fn weigh(&self, repository: &str, digest: Digest) -> Looked {
        let watch = Watch::new(&Silent, BUDGET);
        let told = |error: WorkError| {
            let error: BuildError = watch.explain(error.into());
            tracing::debug!(%repository, %digest, "a delta could not be looked into: {error}");
            error.told().to_owned()
        };
        let name = format!("{repository}@{digest}");
        let reference = RegistryReference::in_registry(&self.registry.host, &name);
        let reference = reference.map_err(|error| told(ImageError::from(error).into()))?;
        let delta = self.transports.open_sole(&ImageReference::Registry(reference), None, &watch);
        let delta = delta.map_err(|error| told(error.into()))?;
        let weighed = v3::weigh(&delta, &self.store, &self.limits, FILES, &watch);
        weighed.map(Arc::new).map_err(|error| told(error.into()))
    }

    fn keep(&self, digest: Digest, looked: &Looked) {
        let mut looks = self.looks();
        looks.reading.remove(&digest);
        let Ok(weighed) = looked else { return };
        if looks.known.insert(digest, Arc::clone(weighed)).is_none() {
            looks.order.push_back(digest);
        }
        if looks.order.len() > MAX_KNOWN
            && let Some(oldest) = looks.order.pop_front()
        {
            looks.known.remove(&oldest);
        }
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
