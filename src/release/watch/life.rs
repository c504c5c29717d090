//! A watcher's life: looks again and again, whatever happens meanwhile.

use std::time::Duration;

use super::WatchOptions;
use super::watcher::{Told, Watcher};
use crate::ErrorKind;
use crate::release::{Installation, ReleaseError};

/// Waits for so long; `false`: the watch is over.
pub type Pause<'a> = dyn FnMut(Duration) -> bool + 'a;

/// How often deltas that are being made are looked at.
const BUSY_PAUSE: Duration = Duration::from_secs(2);

/// Watches fleets until `pause` says that it is over. `connect` leads to the installation; it is asked again
/// after trouble with who asks, since a token may be another by then. Trouble is logged once, until it is
/// over or another one.
///
/// # Errors
/// If the first look finds that nothing can come of it: no token, or no such fleet.
pub fn watch(
    options: WatchOptions,
    connect: &dyn Fn() -> Result<Installation, ReleaseError>,
    pause: &mut Pause<'_>,
    told: &mut Told<'_>,
) -> Result<(), ReleaseError> {
    let interval = options.interval;
    let mut watcher = Watcher::new(options);
    let mut installation = Some(connect()?);
    let mut trouble: Option<String> = None;
    let mut looked = false;
    loop {
        let step = match &mut installation {
            Some(installation) => watcher.step(installation, told),
            None => connect().and_then(|fresh| watcher.step(installation.insert(fresh), told)),
        };
        match step {
            Ok(()) => {
                if trouble.take().is_some() {
                    tracing::info!("watching goes on");
                }
                looked = true;
            }
            Err(error) if !looked && error.kind() == ErrorKind::Usage => return Err(error),
            Err(error) => {
                if error.kind() == ErrorKind::Usage {
                    installation = None;
                }
                complain(&error, &mut trouble);
            }
        }
        let next = if watcher.is_busy() { BUSY_PAUSE.min(interval) } else { interval };
        if !pause(next) {
            return Ok(());
        }
    }
}

fn complain(error: &ReleaseError, trouble: &mut Option<String>) {
    let text = error.to_string();
    if trouble.as_ref() != Some(&text) {
        tracing::warn!(%error, "watching is in trouble");
        *trouble = Some(text);
    }
}
