//! The builder's life.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::time::Instant;

use super::closing::close_leftovers;
use super::crowd::Crowd;
use super::engine::Engines;
use super::error::BuilderError;
use super::journal::Journal;
use super::metrics::Metrics;
use super::routes::{figures, router};
use super::running::{Running, Stop};
use super::service::Service;
use super::settings::BuilderSettings;
use crate::serving::{self, Door, Ended, FolderLock, Serve, io_error};

/// Kept from the time that a stop has: builds that did not end in it are ended, and their rows closed.
const CLOSING_TIME: Duration = Duration::from_secs(4);

/// Runs a builder until a signal ends it.
///
/// SIGINT, SIGTERM, SIGHUP or SIGQUIT once: nobody may push any more, builds end if they have the time, and the others
/// are stopped and told so. A second time: at once.
///
/// # Errors
/// If the builder cannot start, or fails while it runs.
pub fn run(settings: BuilderSettings) -> Result<Ended, BuilderError> {
    let listen = settings.listen.clone();
    serving::run(&listen, start(settings))
}

async fn start(settings: BuilderSettings) -> Result<Arc<Service>, BuilderError> {
    let folder = &settings.folder;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(io_error("create", folder))?;
    let lock = FolderLock::take(folder)?;
    let journal = Journal::open(folder)?;
    let engines = Engines::new(settings.engines.clone())?;
    let service = Arc::new(Service {
        door: Door::new(settings.listen.clone()),
        engines,
        crowd: Crowd::new(settings.projects.pushes_of_a_user),
        running: Arc::new(Running::default()),
        journal,
        metrics: Metrics::new(),
        _lock: lock,
        settings,
    });
    let house = service.engines.clone();
    tokio::spawn(async move { house.keep_house().await });
    // Read before anybody pushes: what is noted later is going on.
    let open =
        service.journal.open_releases().map_err(io_error("read", &service.settings.folder))?;
    let closing = Arc::clone(&service);
    tokio::task::spawn_blocking(move || close_leftovers(&closing, open));
    Ok(service)
}

impl Serve for Service {
    fn door(&self) -> &Door {
        &self.door
    }

    fn router(self: &Arc<Self>) -> Router {
        router(Arc::clone(self))
    }

    fn figures(self: &Arc<Self>) -> Router {
        figures(Arc::clone(self))
    }

    async fn wind_up(&self, deadline: Instant) {
        let time = deadline.saturating_duration_since(Instant::now());
        self.running.none_within(time.saturating_sub(CLOSING_TIME)).await;
        self.running.end_all(Stop::Stopped);
        self.running.none_within(deadline.saturating_duration_since(Instant::now())).await;
    }
}
