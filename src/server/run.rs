//! The server's life: how it is run, and how its work ends.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::time::Instant;

use super::routes::{Service, figures, router};
use super::settings::ServerSettings;
use super::{ServerError, start};
use crate::serving::{self, CLOSE_TIME, Door, Ended, Serve};

/// How often the end of the last downloads is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Runs a server until a signal ends it.
///
/// SIGINT, SIGTERM, SIGHUP or SIGQUIT once: whoever waits or asks is told to ask again until the end, and deltas that
/// are being made are finished, or left to the next start. A second time: at once, with work still going on
/// that the caller ends by ending the process.
///
/// A server takes the process for its own: these signals come to it, and rayon's global threads get a
/// low priority, unless there are some already.
///
/// # Errors
/// If the server cannot start, or fails while it runs.
pub fn run(settings: ServerSettings) -> Result<Ended, ServerError> {
    let listen = settings.listen.clone();
    serving::run(&listen, start::start(settings))
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
        let downloads = async {
            while self.artifacts.are_downloaded() && Instant::now() + CLOSE_TIME < deadline {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        };
        tokio::join!(self.jobs.stop(deadline.saturating_duration_since(Instant::now())), downloads);
    }
}
