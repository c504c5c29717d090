//! Keeps the disk from filling up: what was used longest ago goes, layers and v2 files alike, but
//! never what a build or a download uses.
//!
//! Layers can be fetched again and files made again, so that deleting costs time and nothing else.
//! A file goes only after its job is forgotten: nobody is sent to a file that is about to go.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::ServerError;
use super::artifacts::{Artifacts, StoredArtifact};
use super::jobs::{JobEvent, JobState, Jobs, SharedDatabase};
use crate::image::DiffId;
use crate::store::{GcLimits, GcReport, LayerUse, Store};

/// How often the disk is looked at when nothing happens.
const INTERVAL: Duration = Duration::from_secs(600);
/// The least time between two rounds, however many jobs end.
const MIN_INTERVAL: Duration = Duration::from_secs(5);

/// The pause before another stored layer is compared with its diff ID, while no delta is made. A store
/// of 500 layers is seen through in eight hours.
const VERIFY_INTERVAL: Duration = Duration::from_secs(60);

/// Keeps a store and a place for v2 files within a budget.
#[derive(Debug)]
pub(crate) struct Housekeeping {
    store: Store,
    artifacts: Arc<Artifacts>,
    jobs: Arc<Jobs>,
    /// The database of several servers, which have one place for files if that is a bucket.
    shared: Option<SharedDatabase>,
    /// Bytes that layers and v2 files may take together. Files in a bucket don't count.
    budget: u64,
    found: Mutex<DiskUse>,
}

/// What the last round left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DiskUse {
    /// Layers in the store.
    pub(crate) layers: u64,
    /// Their size in bytes.
    pub(crate) layer_bytes: u64,
    /// v2 files.
    pub(crate) files: u64,
    /// Their size in bytes.
    pub(crate) file_bytes: u64,
}

impl Housekeeping {
    pub(crate) fn new(
        store: Store,
        artifacts: Arc<Artifacts>,
        jobs: Arc<Jobs>,
        shared: Option<SharedDatabase>,
        budget: u64,
    ) -> Self {
        Housekeeping { store, artifacts, jobs, shared, budget, found: Mutex::default() }
    }

    /// What the last round left.
    pub(crate) fn disk_use(&self) -> DiskUse {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cleans up now, after each job, and now and then, for ever.
    pub(crate) async fn run(&self) {
        let mut events = self.jobs.events();
        loop {
            if let Err(error) = self.clean().await {
                tracing::error!("cannot clean up: {error}");
            }
            tokio::time::sleep(MIN_INTERVAL).await;
            // A round in vain is no harm, one that never comes would be.
            let _ = tokio::time::timeout(INTERVAL, job_ended(&mut events)).await;
        }
    }

    /// Compares stored layers with their diff IDs, one now and then while no delta is made, for ever.
    /// Disks lose what nobody reads; a layer that is damaged is dropped before a delta needs it.
    pub(crate) async fn watch_layers(&self) {
        let mut last = None;
        loop {
            tokio::time::sleep(VERIFY_INTERVAL).await;
            let counts = self.jobs.counts();
            if counts.running == 0 && counts.queued == 0 {
                last = self.watch_next_layer(last).await;
            }
        }
    }

    /// Looks at the layer after `last`, and returns it; `None` after the last of all.
    pub(super) async fn watch_next_layer(&self, last: Option<DiffId>) -> Option<DiffId> {
        match self.blocking(move |store| store.verify_next(last)).await {
            Ok(Some(layer)) => {
                if layer.damaged {
                    tracing::error!(diff_id = %layer.diff_id, "a stored layer was damaged and has been dropped; check the disk");
                }
                if let Some(trouble) = layer.trouble {
                    tracing::error!("a stored layer cannot be checked: {trouble}");
                }
                Some(layer.diff_id)
            }
            Ok(None) => None,
            Err(error) => {
                tracing::error!("stored layers cannot be checked: {error}");
                None
            }
        }
    }

    /// One round.
    pub(crate) async fn clean(&self) -> Result<DiskUse, ServerError> {
        // Layers take room on this disk whatever is wrong with a bucket.
        let (asked, files) = told(self.look_after_files().await);
        let layers = self.blocking(|store| store.layer_uses()).await?;
        let plan = Plan::new(&layers, &files, &asked, self.file_budget());
        let kept = told(self.remove_files(files, plan.files).await);
        let max_bytes = Some(plan.layer_bytes);
        let report =
            self.blocking(move |store| store.gc(GcLimits { max_bytes, older_than: None })).await?;
        log(&report);
        let found = DiskUse {
            layers: report.kept_layers,
            layer_bytes: report.kept_bytes,
            files: kept.len() as u64,
            file_bytes: kept.iter().map(|file| file.bytes).sum(),
        };
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(found)
    }

    /// The files that jobs ended with, and those that there are. Of several servers with one bucket the one that
    /// leads looks after the files; for the others there are none, nor while the jobs are not read because the database
    /// is away: no file would be known to any job.
    async fn look_after_files(
        &self,
    ) -> Result<(HashMap<String, SystemTime>, Vec<StoredArtifact>), ServerError> {
        let looks_after =
            if self.artifacts.is_local() { self.jobs.are_read() } else { self.jobs.leads() };
        if !looks_after {
            return Ok(Default::default());
        }
        // In this order: what a job ended with before is among the files.
        let asked = self.jobs.files().into_iter().collect();
        let files = self.artifacts.list().await?;
        self.forget_lost(&asked, &files).await;
        Ok((asked, files))
    }

    /// Jobs whose files have gone, however that came about, are to be done again.
    async fn forget_lost(&self, asked: &HashMap<String, SystemTime>, files: &[StoredArtifact]) {
        let there: HashSet<&str> = files.iter().map(|file| &*file.key).collect();
        let lost: HashSet<String> =
            asked.keys().filter(|key| !there.contains(&***key)).cloned().collect();
        if !lost.is_empty() {
            tracing::warn!(files = lost.len(), "v2 files have disappeared; they are made again");
            self.jobs.release_files(lost, SystemTime::now() + INTERVAL).await;
        }
    }

    /// Removes files, first from the memory of the jobs, then from where they are. Gives those that
    /// are left.
    async fn remove_files(
        &self,
        mut files: Vec<StoredArtifact>,
        going: HashSet<String>,
    ) -> Result<Vec<StoredArtifact>, ServerError> {
        let young = files.iter().filter(|file| !self.artifacts.may_go(file));
        let young: HashSet<&str> = young.map(|file| &*file.key).collect();
        let going = going.into_iter().filter(|key| !young.contains(&**key)).collect();
        let going = self.without_urls(going).await?;
        for key in self.jobs.release_files(going, self.artifacts.unused_since()).await {
            if self.artifacts.remove(&key).await? {
                files.retain(|file| file.key != key);
            }
        }
        Ok(files)
    }

    /// Those of the files that no server can have given out a URL for that still holds.
    ///
    /// A server gives out URLs of what its jobs end with, and nothing else. So the last URL of a file is no younger
    /// than the moment at which its job was forgotten, which the database notes, but for the seconds in which a server
    /// has not heard of that. The file stays for as long as a URL holds after that, and ten minutes more. A file that
    /// no job ever ended with, because a server was killed in between, has no URL.
    async fn without_urls(
        &self,
        mut going: HashSet<String>,
    ) -> Result<HashSet<String>, ServerError> {
        if let Some(shared) = &self.shared
            && !self.artifacts.is_local()
            && !going.is_empty()
        {
            let time = self.artifacts.shared_keep_time();
            let with_urls = shared.files_with_urls(&going, time).await?;
            going.retain(|key| !with_urls.contains(key));
        }
        Ok(going)
    }

    /// What layers and files may take, and whether files count.
    fn file_budget(&self) -> Budget {
        Budget { bytes: self.budget, with_files: self.artifacts.is_local() }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, crate::store::StoreError> + Send + 'static,
    ) -> Result<T, ServerError> {
        let store = self.store.clone();
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        done.map_err(|_| ServerError::Stopping)?.map_err(ServerError::from)
    }
}

/// What was found; nothing if that can't be known at the moment, which the log tells.
fn told<T: Default>(found: Result<T, ServerError>) -> T {
    found.unwrap_or_else(|error| {
        tracing::error!("cannot clean up files: {error}");
        T::default()
    })
}

async fn job_ended(events: &mut broadcast::Receiver<JobEvent>) {
    loop {
        match events.recv().await {
            Ok(JobEvent { status: Some(status), .. })
                if matches!(status.state, JobState::Pending | JobState::Preparing) => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            // The server stops.
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

fn log(report: &GcReport) {
    if report.removed_layers > 0 || report.in_use_layers > 0 {
        tracing::info!(
            removed = report.removed_layers,
            bytes = report.removed_bytes,
            in_use = report.in_use_layers,
            "layers removed"
        );
    }
}

#[derive(Debug, Clone, Copy)]
struct Budget {
    bytes: u64,
    /// Whether files count.
    with_files: bool,
}

/// What is to go and what may stay.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// The keys of the files that go.
    files: HashSet<String>,
    /// How much the layers may take.
    layer_bytes: u64,
}

impl Plan {
    /// Files that no job knows of go in any case. Of the rest, what was used longest ago goes until
    /// the budget is kept.
    fn new(
        layers: &[LayerUse],
        files: &[StoredArtifact],
        asked: &HashMap<String, SystemTime>,
        budget: Budget,
    ) -> Self {
        let (known, unknown): (Vec<_>, Vec<_>) =
            files.iter().partition(|file| asked.contains_key(&file.key));
        let mut plan = Plan {
            files: unknown.iter().map(|file| file.key.clone()).collect(),
            layer_bytes: layers.iter().map(|layer| layer.bytes).sum(),
        };
        let counted = if budget.with_files { known } else { Vec::new() };
        let file_bytes: u64 = counted.iter().map(|file| file.bytes).sum();
        let mut total = plan.layer_bytes + file_bytes;
        let layers = layers.iter().map(|layer| (layer.last_used, layer.bytes, None));
        let files = counted.into_iter().map(|file| {
            let used =
                asked.get(&file.key).map_or(file.last_used, |asked| file.last_used.max(*asked));
            (used, file.bytes, Some(&file.key))
        });
        let mut all: Vec<_> = layers.chain(files).collect();
        all.sort_unstable();
        for (_, bytes, key) in all {
            if total <= budget.bytes {
                break;
            }
            total -= bytes;
            match key {
                Some(key) => drop(plan.files.insert(key.clone())),
                None => plan.layer_bytes -= bytes,
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests;
