//! Layers on their way into the bucket, one after another, by a thread of lower priority than that of builds.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use object_store::{ObjectStore, ObjectStoreExt as _};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::object_name::path_of;
use crate::image::{DiffId, Digest};
use crate::server::bucket::{SendError, reason, send};
use crate::server::jobs::lower_priority;
use crate::store::Store;

/// Layers that may wait. More are not put into the bucket: the next server that unpacks one offers it again.
const MOST_WAITING: usize = 256;
/// What each layer may take to be sent.
const SEND_TIME: Duration = Duration::from_secs(30 * 60);
/// What the question whether a layer is there may take.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Level 3 takes a tenth of the time that gzip does, and gives less.
const LEVEL: i32 = 3;

/// The way to the thread, which ends when this is dropped.
pub(super) struct Offers {
    waiting: SyncSender<DiffId>,
    /// Layers of which the bucket has something else.
    damaged: Arc<Mutex<HashSet<DiffId>>>,
}

struct Sender {
    objects: Arc<dyn ObjectStore>,
    runtime: Handle,
    store: Store,
    damaged: Arc<Mutex<HashSet<DiffId>>>,
}

impl Offers {
    /// Starts the thread for layers of `store`.
    pub(super) fn start(
        objects: Arc<dyn ObjectStore>,
        runtime: Handle,
        store: Store,
    ) -> io::Result<Self> {
        let (waiting, offered) = sync_channel(MOST_WAITING);
        let damaged = Arc::new(Mutex::default());
        let sender = Sender { objects, runtime, store, damaged: Arc::clone(&damaged) };
        let thread = Builder::new().name("layer-cache".to_owned());
        thread.spawn(move || sender.run(&offered))?;
        Ok(Offers { waiting, damaged })
    }

    /// Puts a layer into the bucket, later.
    pub(super) fn offer(&self, diff_id: DiffId) {
        if self.waiting.try_send(diff_id).is_err() {
            tracing::debug!(%diff_id, "too many layers wait to be put into the layer cache");
        }
    }

    /// What the bucket has of the layer is to be replaced when it is offered next.
    pub(super) fn replace(&self, diff_id: DiffId) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.len() < MOST_WAITING {
            damaged.insert(diff_id);
        }
    }
}

impl Sender {
    fn run(&self, offered: &Receiver<DiffId>) {
        lower_priority();
        let mut is_troubled = false;
        while let Ok(diff_id) = offered.recv() {
            let sent = self.put(diff_id);
            if let Err(error) = &sent {
                match is_troubled {
                    false => tracing::warn!("layers cannot be put into the layer cache: {error}"),
                    true => tracing::debug!(%diff_id, "not put into the layer cache: {error}"),
                }
            }
            is_troubled = sent.is_err();
        }
    }

    fn put(&self, diff_id: DiffId) -> Result<(), String> {
        // One that was collected meanwhile, or is no tar any more, is not missed.
        let Ok(Some(tar)) = self.store.open_tar(&diff_id) else { return Ok(()) };
        let is_damaged =
            self.damaged.lock().unwrap_or_else(PoisonError::into_inner).remove(&diff_id);
        if !is_damaged && self.is_there(diff_id)? {
            return Ok(());
        }
        let checked = Checked { tar, hasher: Sha256::new(), expected: diff_id };
        let mut compressed =
            zstd::stream::read::Encoder::new(checked, LEVEL).map_err(|error| error.to_string())?;
        let path = path_of(&diff_id);
        let sending = send(&*self.objects, &path, &mut compressed);
        let sent = self.runtime.block_on(async { timeout(SEND_TIME, sending).await });
        match sent {
            Ok(Ok(())) => {
                tracing::debug!(%diff_id, "put into the layer cache");
                Ok(())
            }
            Ok(Err(SendError::Read(error))) => Err(error.to_string()),
            Ok(Err(SendError::Service(error))) => Err(reason(&error)),
            Err(_) => Err("it took too long".to_owned()),
        }
    }

    fn is_there(&self, diff_id: DiffId) -> Result<bool, String> {
        let path = path_of(&diff_id);
        let asked = self.objects.head(&path);
        match self.runtime.block_on(async { timeout(ANSWER_TIME, asked).await }) {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(object_store::Error::NotFound { .. })) => Ok(false),
            Ok(Err(error)) => Err(reason(&error)),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }
}

/// A stored layer as it is read. Its end is an error if the disk has changed it: nobody is to get that.
struct Checked {
    tar: File,
    hasher: Sha256,
    expected: DiffId,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.tar.read(buffer)?;
        self.hasher.update(&buffer[..len]);
        if len == 0 && !buffer.is_empty() {
            let actual = DiffId(Digest::from_hasher(self.hasher.clone()));
            if actual != self.expected {
                return Err(io::Error::other(format!(
                    "the stored layer {} is damaged",
                    self.expected
                )));
            }
        }
        Ok(len)
    }
}
