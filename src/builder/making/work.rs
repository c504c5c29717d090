//! What all steps of a build share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;

use super::failure::Failure;
use crate::builder::answer::Screen;
use crate::builder::caller::Caller;
use crate::builder::push::Push;
use crate::builder::running::{Ending, RunningBuild};
use crate::builder::service::Service;
use crate::release::ReleaseError;
use crate::release::rows::ReleaseRows;

/// Bytes of a commit: as many as git's shorter hashes have, and openBalena's clients make.
const COMMIT_BYTES: usize = 16;

/// A build that is going on.
pub(super) struct Work {
    pub(super) service: Arc<Service>,
    pub(super) handle: Handle,
    pub(super) push: Push,
    pub(super) caller: Caller,
    pub(super) screen: Screen,
    pub(super) ending: Ending,
    pub(super) running: RunningBuild,
    pub(super) commit: String,
    pub(super) started: SystemTime,
}

impl Work {
    pub(super) fn new(
        service: Arc<Service>,
        handle: Handle,
        push: Push,
        caller: Caller,
        screen: Screen,
        ending: Ending,
    ) -> Self {
        let commit = commit();
        let running = service.running.begin(&commit, ending.clone());
        let started = beginning();
        Work { service, handle, push, caller, screen, ending, running, commit, started }
    }

    /// The way to write rows, as whoever pushes.
    pub(super) fn api(&self) -> Result<ReleaseRows, ReleaseError> {
        ReleaseRows::again(&self.caller.installation, self.caller.version)
    }

    /// Fails if the build is to end.
    pub(super) fn go_on(&self) -> Result<(), Failure> {
        match self.ending.reason() {
            Some(stop) => Err(Failure::Stopped(stop)),
            None => Ok(()),
        }
    }
}

/// A time that no other build of this builder has, in milliseconds as the API keeps them: rows of a build that are part of
/// nothing else yet are found by it.
fn beginning() -> SystemTime {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = u64::try_from(now).unwrap_or(u64::MAX);
    let later = |last: u64| Some(now.max(last.saturating_add(1)));
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later).unwrap_or(now);
    UNIX_EPOCH + Duration::from_millis(now.max(last.saturating_add(1)))
}

/// A new release's commit.
fn commit() -> String {
    let mut bytes = [0; COMMIT_BYTES];
    // Without randomness from the system there is no TLS either.
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
