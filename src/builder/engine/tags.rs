//! Tags that are to go from an engine, taken off only while this builder builds nothing there.
//!
//! Two builds of the same files make the same image. An engine that finds the image made by the first build gives the
//! image the second one's tag some moments later; if the first tag goes in between, so does the image, and the second
//! build fails.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{RwLock, RwLockReadGuard};

use super::client::Client;
use super::error::EngineError;
use super::image;

/// Tags that may wait. Of more, the oldest are left to the pruning.
const MOST_WAITING: usize = 1000;

/// The tags of one engine that are to go.
#[derive(Debug, Default)]
pub(super) struct Tags {
    /// Shared by builds, alone for whoever takes tags off.
    quiet: RwLock<()>,
    waiting: Mutex<VecDeque<String>>,
}

impl Tags {
    /// Keeps all tags while the guard lives.
    pub(super) async fn keep(&self) -> RwLockReadGuard<'_, ()> {
        self.quiet.read().await
    }

    /// Notes that the tag `name` is to go.
    pub(super) fn discard(&self, name: String) {
        let mut waiting = self.waiting();
        if waiting.len() == MOST_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(name);
    }

    /// Takes off what is to go, unless something is built: then the end of the last build does it.
    pub(super) async fn take_off(&self, client: &Client, version: &str) -> Result<(), EngineError> {
        // Asking for the lock and waiting would hold up all builds that begin meanwhile.
        let Ok(_alone) = self.quiet.try_write() else { return Ok(()) };
        loop {
            let Some(name) = self.waiting().pop_front() else { return Ok(()) };
            image::untag(client, version, &name).await?;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
