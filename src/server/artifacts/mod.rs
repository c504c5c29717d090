//! Artifacts: the files of v2 deltas, in a folder or in an S3 bucket.
//!
//! Door: [`Artifacts`]. A file is published under the digest of its content, so that what a key stands
//! for never changes. What is downloaded, or was used a moment ago, is not removed.
//!
//! Not here: who may download, how a file is made, and when one has to go (housekeeping).

mod download;
mod failure;
mod place;
mod uses;

#[cfg(test)]
mod tests;

use std::fs;
use std::io::{Seek as _, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt as _;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::timeout;

pub(crate) use self::download::Artifact;
pub(crate) use self::place::{ArtifactPlace, BucketPlace};

use self::failure::failure;
use self::place::{Opened, upload};
use self::uses::Uses;
use super::ServerError;
use crate::image::Digest;
use crate::temporary::TemporaryFile;

/// The least time for which a file stays: whoever was sent to one is on the way, and takes up a broken
/// download for five minutes. For so long after the start nothing is removed: nobody knows what was used
/// before.
const MIN_KEEP_TIME: Duration = Duration::from_secs(600);

/// How long somebody who wants a file waits for the place to say whether the file is there.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// The files of v2 deltas. Needs a Tokio runtime around it when it is opened.
#[derive(Debug)]
pub(crate) struct Artifacts {
    place: Opened,
    /// A file that was published, asked for or downloaded so short a time ago is not removed.
    keep_time: Duration,
    uses: Arc<Uses>,
    /// Held while something appears or goes, so that nothing goes that just appears.
    gate: Mutex<()>,
    runtime: Handle,
    /// Whether the place could not be asked last time, so that this is told once.
    troubled: AtomicBool,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredArtifact {
    /// The key it was published under.
    pub(crate) key: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// When it was published or last downloaded, as far as this process knows.
    pub(crate) last_used: SystemTime,
}

impl Artifacts {
    /// Opens the place; a folder is created and taken, so that no other server uses it. `url_life` is
    /// how long somebody who was sent to a file may come to get it; a bucket, whose room nobody counts,
    /// keeps a file for so long.
    pub(crate) fn open(place: &ArtifactPlace, url_life: Duration) -> Result<Self, ServerError> {
        let place = place.open()?;
        let keep_time = if place.is_local { MIN_KEEP_TIME } else { url_life.max(MIN_KEEP_TIME) };
        Ok(Artifacts {
            place,
            keep_time,
            uses: Arc::new(Uses::new()),
            gate: Mutex::default(),
            runtime: Handle::current(),
            troubled: AtomicBool::new(false),
        })
    }

    /// Looks once whether a bucket can be used, and tells if not: otherwise the first device that waits in vain
    /// would be the first to know.
    pub(crate) async fn try_place(&self) {
        if self.place.is_local {
            return;
        }
        let mut objects = self.store().list(None);
        if let Err(error) = objects.try_next().await {
            let remedy = "see REMORA_ARTIFACTS and the AWS_… variables";
            tracing::error!(
                "{}; nobody gets v2 deltas until then: {remedy}",
                failure("list", &error)
            );
        }
    }

    /// Whether files take room on this machine's disk.
    pub(crate) fn is_local(&self) -> bool {
        self.place.is_local
    }

    /// An empty file to write a delta into.
    pub(crate) fn new_file(&self) -> Result<TemporaryFile, ServerError> {
        TemporaryFile::new_in(&self.place.folder)
            .map_err(super::error::io_error("create a file in", &self.place.folder))
    }

    /// Publishes what was written into a [`new_file`](Self::new_file), durably, and gives the key.
    /// Blocks; not to be called on a thread of the runtime.
    pub(crate) fn publish(&self, file: TemporaryFile) -> Result<String, ServerError> {
        let key = hash(&file)?;
        let _gate = self.gate.blocking_lock();
        self.uses.used(&key);
        if self.place.is_local {
            let path = self.place.folder.join(&key);
            file.publish(&path).map_err(super::error::io_error("write", &path))?;
        } else {
            self.runtime.block_on(upload(&*self.place.store, &ObjectPath::from(&*key), &file))?;
        }
        Ok(key)
    }

    /// Opens the file of a key, if there is one. While it is open it is not removed.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Artifact>, ServerError> {
        if !is_key(key) {
            return Ok(None);
        }
        let pin = self.uses.pin(key);
        let path = ObjectPath::from(key);
        let found = timeout(ANSWER_TIME, self.store().head(&path)).await;
        let found = found.unwrap_or_else(|late| {
            Err(object_store::Error::Generic { store: "S3", source: Box::new(late) })
        });
        self.tell(&found);
        match found {
            Ok(meta) => Ok(Some(Artifact::new(Arc::clone(self.store()), path, meta.size, pin))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure("open", &error)),
        }
    }

    /// Tells of trouble with the place when it begins and when it is over, however many ask.
    fn tell<T>(&self, asked: &object_store::Result<T>) {
        let trouble = asked.as_ref().err();
        let trouble =
            trouble.filter(|error| !matches!(error, object_store::Error::NotFound { .. }));
        let before = self.troubled.swap(trouble.is_some(), Ordering::Relaxed);
        match trouble {
            Some(error) if !before => {
                tracing::error!("{}; devices are told to ask again", failure("open", error));
            }
            None if before => tracing::info!("v2 deltas can be opened again"),
            _ => {}
        }
    }

    /// Whether anything is being downloaded.
    pub(crate) fn are_downloaded(&self) -> bool {
        self.uses.any()
    }

    /// All files, in no order.
    pub(crate) async fn list(&self) -> Result<Vec<StoredArtifact>, ServerError> {
        let mut stored = Vec::new();
        let mut objects = self.store().list(None);
        while let Some(object) = objects.try_next().await.map_err(|e| failure("list", &e))? {
            // Somebody else's object below a folder of its own has no key.
            let key = object.location.as_ref();
            if !is_key(key) {
                continue;
            }
            let published = SystemTime::from(object.last_modified);
            let last_used = self.uses.last_use(key).map_or(published, |used| used.max(published));
            stored.push(StoredArtifact { key: key.to_owned(), bytes: object.size, last_used });
        }
        Ok(stored)
    }

    /// Whether the file was published or used so long ago that nobody can be on the way to it.
    pub(crate) fn may_go(&self, file: &StoredArtifact) -> bool {
        // A clock set back makes the last use lie in the future.
        SystemTime::now().duration_since(file.last_used).is_ok_and(|age| age >= self.keep_time)
    }

    /// Files used after this moment stay.
    pub(crate) fn unused_since(&self) -> SystemTime {
        SystemTime::now().checked_sub(self.keep_time).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// For how long a file that several servers have stays after the last moment at which any of them may have
    /// given out its URL: as long as a URL holds, and as long as a download that begins last may take to be begun.
    pub(crate) fn shared_keep_time(&self) -> Duration {
        self.keep_time + MIN_KEEP_TIME
    }

    /// Removes the file of a key; `false` if it was published or used a moment ago or is downloaded.
    pub(crate) async fn remove(&self, key: &str) -> Result<bool, ServerError> {
        let _gate = self.gate.lock().await;
        if self.uses.is_in_use(key, MIN_KEEP_TIME) || self.was_just_published(key).await? {
            return Ok(false);
        }
        match self.store().delete(&ObjectPath::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {
                self.uses.forget(key);
                Ok(true)
            }
            Err(error) => Err(failure("remove", &error)),
        }
    }

    /// Whether another server, whose gate is another one, published the file again after it was listed.
    async fn was_just_published(&self, key: &str) -> Result<bool, ServerError> {
        if self.place.is_local {
            return Ok(false);
        }
        match self.store().head(&ObjectPath::from(key)).await {
            Ok(meta) => {
                let age = SystemTime::now().duration_since(SystemTime::from(meta.last_modified));
                Ok(age.is_ok_and(|age| age < MIN_KEEP_TIME))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failure("remove", &error)),
        }
    }

    fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.place.store
    }

    /// The same place, looked after as a bucket is.
    #[cfg(test)]
    pub(super) fn into_bucket(mut self, url_life: Duration) -> Self {
        (self.place.is_local, self.keep_time) = (false, url_life);
        self
    }

    /// As if everything had been used last so long ago.
    #[cfg(test)]
    pub(super) fn age(&self, by: Duration) {
        self.uses.age(by);
    }
}

/// The key for what the file holds.
fn hash(file: &TemporaryFile) -> Result<String, ServerError> {
    let hash = || {
        let mut bytes = fs::File::try_clone(file.as_file())?;
        bytes.seek(SeekFrom::Start(0))?;
        let mut hasher = HashWriter(Sha256::new());
        std::io::copy(&mut bytes, &mut hasher)?;
        Ok(Digest::from_hasher(hasher.0).hex())
    };
    hash().map_err(super::error::io_error("read", file.path()))
}

struct HashWriter(Sha256);

impl std::io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether it may be a key: nothing else is looked up.
fn is_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
