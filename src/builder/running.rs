//! The builds that are going on, and how each is ended from outside.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Why a build ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Whoever pushed has gone, or says so.
    Cancelled,
    /// The builder stops.
    Stopped,
}

/// How a build is ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    /// Cancelled when the build is to end.
    pub(super) token: CancellationToken,
    reason: Arc<Mutex<Option<Stop>>>,
}

impl Ending {
    /// Ends the build, for the first reason that there is.
    pub(super) fn end(&self, stop: Stop) {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(stop);
        self.token.cancel();
    }

    /// Why the build is to end, if so. Whoever cancels the token alone has gone.
    pub(super) fn reason(&self) -> Option<Stop> {
        let reason = *self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        self.token.is_cancelled().then(|| reason.unwrap_or(Stop::Cancelled))
    }
}

/// All builds.
#[derive(Debug, Default)]
pub(super) struct Running {
    builds: Mutex<HashMap<u64, Build>>,
    count: watch::Sender<usize>,
}

#[derive(Debug)]
struct Build {
    ending: Ending,
    commit: String,
    release: Option<(u64, String)>,
}

impl Running {
    fn builds(&self) -> MutexGuard<'_, HashMap<u64, Build>> {
        self.builds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a build; it is forgotten when what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>, commit: &str, ending: Ending) -> RunningBuild {
        let mut builds = self.builds();
        let number = builds.keys().max().map_or(0, |last| last + 1);
        builds.insert(number, Build { ending, commit: commit.to_owned(), release: None });
        self.count.send_replace(builds.len());
        RunningBuild { running: Arc::clone(self), number }
    }

    /// How a release's build is ended, with its fleet's slug, if the build is going on.
    pub(super) fn of_release(&self, release: u64) -> Option<(Ending, String)> {
        let builds = self.builds();
        builds.values().find_map(|build| {
            let (id, fleet) = build.release.as_ref()?;
            (*id == release).then(|| (build.ending.clone(), fleet.clone()))
        })
    }

    /// Whether a build makes the release of this commit.
    pub(super) fn makes(&self, commit: &str) -> bool {
        self.builds().values().any(|build| build.commit == commit)
    }

    /// Ends all builds.
    pub(super) fn end_all(&self, stop: Stop) {
        self.builds().values().for_each(|build| build.ending.end(stop));
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until there are none, or the time is over.
    pub(super) async fn none_within(&self, time: Duration) {
        let mut count = self.count.subscribe();
        let _ = tokio::time::timeout(time, count.wait_for(|count| *count == 0)).await;
    }
}

/// A build that is going on.
#[derive(Debug)]
pub(super) struct RunningBuild {
    running: Arc<Running>,
    number: u64,
}

impl RunningBuild {
    /// Notes which release the build makes.
    pub(super) fn makes(&self, release: u64, fleet: &str) {
        if let Some(build) = self.running.builds().get_mut(&self.number) {
            build.release = Some((release, fleet.to_owned()));
        }
    }
}

impl Drop for RunningBuild {
    fn drop(&mut self) {
        let mut builds = self.running.builds();
        builds.remove(&self.number);
        self.running.count.send_replace(builds.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_build_is_known_by_its_release_and_ended_for_the_first_reason() {
        let running = Arc::new(Running::default());
        let ending = Ending::default();
        let build = running.begin("ab12", ending.clone());
        assert!(running.of_release(7).is_none() && running.makes("ab12"));
        build.makes(7, "org/fleet");
        let (found, fleet) = running.of_release(7).expect("known");
        assert_eq!((fleet.as_str(), found.reason()), ("org/fleet", None));
        found.end(Stop::Stopped);
        found.end(Stop::Cancelled);
        assert_eq!(ending.reason(), Some(Stop::Stopped));
        assert_eq!(running.count(), 1);
        drop(build);
        running.none_within(Duration::from_secs(60)).await;
        assert_eq!(running.count(), 0);
    }
}
