//! The layer cache: layers in a bucket that servers have together. A layer that one server unpacked comes from there to the
//! others, where that is faster than from the registry.
//!
//! Door: [`LayerBucket`], which the store asks as a [`LayerCache`], and [`clean_now_and_then`] for what becomes old.
//!
//! A layer is an object named by its diff ID, compressed with zstd. Nothing there is trusted: the store compares what it
//! gets with the diff ID. Whatever is wrong with the bucket costs some seconds, and is told once.
//!
//! Not here: how a layer gets into the store, and the registry.

mod choice;
mod clean;
mod health;
mod object_name;
mod offers;
mod reader;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Handle;
use tokio::time::timeout;

pub(crate) use self::clean::clean_now_and_then;

use self::choice::{Choice, Origin};
use self::health::Health;
use self::object_name::path_of;
use self::offers::Offers;
use self::reader::ObjectReader;
use super::ServerError;
use super::bucket::{Bucket, reason};
use super::error::system_error;
use crate::image::DiffId;
use crate::store::{LayerCache, Store, StoreError};

/// How long the service may take to begin with an answer.
const ANSWER_TIME: Duration = Duration::from_secs(3);
/// Smaller blobs come in one answer of the registry, as soon as from anywhere else.
const LEAST_BYTES: u64 = 256 << 10;

/// A bucket for layers. Needs a Tokio runtime around it when it is opened.
pub(crate) struct LayerBucket {
    objects: Arc<dyn ObjectStore>,
    runtime: Handle,
    choice: Mutex<Choice>,
    health: Arc<Health>,
    offers: Offers,
}

impl LayerBucket {
    /// Opens the bucket for the layers of `store`.
    pub(crate) fn open(bucket: &Bucket, store: &Store) -> Result<Arc<Self>, ServerError> {
        let objects = bucket
            .open_impatient()
            .map_err(|error| ServerError::LayerCache { action: "open", reason: reason(&error) })?;
        Self::over(objects, store)
    }

    fn over(objects: Arc<dyn ObjectStore>, store: &Store) -> Result<Arc<Self>, ServerError> {
        let runtime = Handle::current();
        let offers = Offers::start(Arc::clone(&objects), runtime.clone(), store.clone());
        Ok(Arc::new(LayerBucket {
            objects,
            runtime,
            choice: Mutex::default(),
            health: Arc::default(),
            offers: offers.map_err(system_error)?,
        }))
    }

    /// The place of the objects.
    pub(crate) fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    fn choice(&self) -> MutexGuard<'_, Choice> {
        self.choice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn get(&self, diff_id: DiffId) -> Option<ObjectReader> {
        let path = path_of(&diff_id);
        match timeout(ANSWER_TIME, self.objects.get(&path)).await {
            Ok(Ok(found)) => {
                let (runtime, health) = (self.runtime.clone(), Arc::clone(&self.health));
                return Some(ObjectReader::new(runtime, found.into_stream(), health));
            }
            Ok(Err(object_store::Error::NotFound { .. })) => self.health.answered(),
            Ok(Err(error)) => self.health.failed(&reason(&error)),
            Err(_) => self.health.failed("no answer in time"),
        }
        None
    }
}

impl LayerCache for LayerBucket {
    fn open(&self, diff_id: DiffId, stored: u64) -> Option<Box<dyn Read + Send>> {
        if stored < LEAST_BYTES
            || self.health.is_paused()
            || self.choice().take() == Origin::Registry
        {
            return None;
        }
        let reader = self.runtime.block_on(self.get(diff_id))?;
        Some(Box::new(reader))
    }

    fn served(&self, diff_id: DiffId, bytes: u64, time: Duration) {
        tracing::info!(%diff_id, bytes, "a layer came from the layer cache");
        self.health.answered();
        self.choice().note(Origin::Bucket, bytes, time);
    }

    fn failed(&self, diff_id: DiffId, error: &StoreError) {
        if !self.health.is_paused() {
            // Whoever brings the layer in now puts a whole one in its place.
            tracing::warn!(%diff_id, "the layer cache has something else: {error}; fetching the layer from the registry");
            self.offers.replace(diff_id);
        }
    }

    fn offer(&self, diff_id: DiffId, stored: u64, bytes: u64, time: Duration) {
        self.choice().note(Origin::Registry, bytes, time);
        if stored >= LEAST_BYTES {
            self.offers.offer(diff_id);
        }
    }
}

impl fmt::Debug for LayerBucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LayerBucket").finish_non_exhaustive()
    }
}
