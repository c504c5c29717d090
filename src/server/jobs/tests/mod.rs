//! The jobs with a builder that does what a test says, on real threads and a real database.

mod crowded;
mod fake;
mod full_disk;
mod in_time;
mod interleavings;
mod restart;
mod running;
mod servers;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::ledger::Model;
use super::{JobSettings, Jobs, Origin, Ticket};
use crate::Dialect;
use crate::image::Digest;
use crate::server::ServerError;
use crate::server::build::{Built, BuiltPlace};
use crate::server::pair::{Pair, PinnedImage};
use crate::server::settings::WorkSettings;
use crate::serving::{FolderLock, ServingError};
use fake::Fake;

/// The pair number `number`.
pub(super) fn pair(number: u64) -> Pair {
    let image = |role: &str| PinnedImage {
        repository: format!("v2/{role}{number}"),
        digest: Digest::of(format!("{role}{number}").as_bytes()),
    };
    Pair { format: Dialect::V3, source: image("source"), target: image("target") }
}

/// What the fake makes of a pair.
pub(super) fn built(pair: &Pair) -> Built {
    let digest = Digest::of(pair.to_string().as_bytes());
    Built {
        place: BuiltPlace::Tag { tag: "delta-1".to_owned(), digest },
        bytes: 10,
        pull_bytes: Some(100),
        commands: 3,
        seconds: 0.5,
    }
}

pub(super) fn device(fleet: &str) -> Origin {
    Origin { fleet: fleet.to_owned(), asker: None, release: false }
}

pub(super) fn release(fleet: &str) -> Origin {
    Origin { fleet: fleet.to_owned(), asker: None, release: true }
}

/// Rules with pauses so short that no test waits for them.
pub(super) fn settings(folder: &Path) -> JobSettings {
    JobSettings {
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(10),
        grace: Duration::from_millis(20),
        ..JobSettings::new(folder.to_owned(), &WorkSettings::of_tests())
    }
}

/// Opens the jobs of a folder that nobody has any more. A process that another test is about to start may
/// have its lock for a moment, as a copy of this one.
async fn open(settings: JobSettings, fake: &Arc<Fake>) -> Arc<Jobs> {
    loop {
        match Jobs::open(settings.clone(), Arc::clone(fake) as _).await {
            Err(ServerError::Serving(ServingError::InUse(_))) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            opened => return opened.expect("opened"),
        }
    }
}

async fn ask(jobs: &Jobs, number: u64) -> Ticket {
    jobs.request(pair(number), device("fleet")).await.expect("room")
}

#[tokio::test]
async fn a_server_that_was_stopped_has_signed_off() {
    let (folder, model) = (tempfile::tempdir().expect("a folder"), Model::default());
    let (settings, lock) = (settings(folder.path()), FolderLock::take(folder.path()));
    let lock = lock.expect("nobody has it");
    let jobs = Jobs::over(model.of(7), settings, Fake::new(), lock).await.expect("opened");
    until(|| jobs.leads()).await;
    assert_eq!(model.leader(), Some(7));
    jobs.stop(Duration::from_secs(10)).await;
    assert_eq!(model.leader(), None);
}

/// Waits for something that is bound to happen.
async fn until(mut happened: impl FnMut() -> bool) {
    while !happened() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
