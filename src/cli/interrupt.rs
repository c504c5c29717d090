//! Ctrl-C and its relatives: whatever the work was, nothing half-written stays behind.

use std::sync::Arc;

use remora::temporary;
use tokio::signal::unix::{SignalKind, signal};

use super::progress::Screen;

/// The shell's convention for "ended by signal": 128 and the signal's number.
const SIGNAL_EXIT: i32 = 128;

/// From now on SIGINT and SIGTERM remove every temporary file and end the process.
pub(super) fn install(screen: Arc<Screen>) {
    let started = std::thread::Builder::new().name("interrupt".into()).spawn(move || {
        if let Some(signal) = wait() {
            temporary::discard_all();
            screen.finish();
            let _ = screen.write(b"interrupted: nothing was left half-written\n");
            std::process::exit(SIGNAL_EXIT + signal.as_raw_value());
        }
    });
    if let Err(error) = started {
        tracing::debug!("signals keep their default effect: {error}");
    }
}

/// The first signal that asks to stop; `None` where signals cannot be listened to.
fn wait() -> Option<SignalKind> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().ok()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).ok()?;
        let mut terminate = signal(SignalKind::terminate()).ok()?;
        tokio::select! {
            _ = interrupt.recv() => Some(SignalKind::interrupt()),
            _ = terminate.recv() => Some(SignalKind::terminate()),
        }
    })
}
