//! What is there under temporary names, of the whole process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What goes on an interrupt. Whoever holds the lock may create, publish or remove.
static LIVE: Mutex<Live> =
    Mutex::new(Live { files: BTreeSet::new(), folders: BTreeSet::new(), trees: BTreeMap::new() });

pub(super) struct Live {
    pub(super) files: BTreeSet<PathBuf>,
    pub(super) folders: BTreeSet<PathBuf>,
    /// Folders with all that is in them. Whoever holds the lock of one may put something there.
    pub(super) trees: BTreeMap<PathBuf, Arc<Mutex<()>>>,
}

pub(super) fn live() -> MutexGuard<'static, Live> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}
