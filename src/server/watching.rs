//! Watching fleets from inside the server: the deltas of new releases are made without anybody asking.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::ServerError;
use super::error::system_error;
use super::fleet_links::FleetLinks;
use super::routes::{OwnDeltas, Service};
use super::settings::WatchSettings;
use crate::release::watch::{WatchNews, watch};
use crate::release::{Installation, ReleaseError, ReleaseSettings};

/// The pause before a watch that nothing could come of is begun anew: somebody may mend its settings.
const RETRY_PAUSE: Duration = Duration::from_secs(60);

/// Starts the thread that watches, if the settings say so. The thread ends with the server.
pub(super) fn start(service: &Arc<Service>, links: Arc<FleetLinks>) -> Result<(), ServerError> {
    let Some(settings) = service.settings.watch.clone() else { return Ok(()) };
    let (service, runtime) = (Arc::clone(service), Handle::current());
    let thread = std::thread::Builder::new().name("watch".into());
    let run = move || while life(&settings, &service, &links, &runtime) {};
    thread.spawn(run).map(drop).map_err(system_error)
}

/// Watches until the server stops; `true`: nothing can come of it at the moment.
fn life(
    settings: &WatchSettings,
    service: &Arc<Service>,
    links: &FleetLinks,
    runtime: &Handle,
) -> bool {
    let connect = || connect(settings, service, runtime);
    let mut pause = |time: Duration| {
        let stopped = async { tokio::time::timeout(time, service.door.stopping.cancelled()).await };
        runtime.block_on(stopped).is_err()
    };
    let mut told = |news: WatchNews<'_>| match news {
        WatchNews::Decided(event) => {
            tracing::info!(fleet = event.fleet, release = event.release, "{event}");
            service.metrics.decided(&event.decision);
        }
        WatchNews::Links(set) => links.set(set, settings.parse_rate),
    };
    match watch(settings.options.clone(), &connect, &mut pause, &mut told) {
        Ok(()) => false,
        Err(error) => {
            tracing::error!(%error, "releases are not watched");
            pause(RETRY_PAUSE)
        }
    }
}

/// The way to the API, with the key as the file has it now.
fn connect(
    settings: &WatchSettings,
    service: &Arc<Service>,
    runtime: &Handle,
) -> Result<Installation, ReleaseError> {
    let registry = &service.settings.registry;
    let reached = ReleaseSettings::with_token_file(&settings.api, "", &settings.key_file)?;
    let reached = reached.changed(|reached| {
        reached.ca_file = registry.ca_file.clone();
        reached.plain_http = registry.plain_http;
    });
    let maker = OwnDeltas::new(Arc::clone(service), runtime.clone());
    Installation::with_maker(reached, Box::new(maker))
}
