//! Ctrl-C and its relatives: whatever the work was, nothing half-written stays behind.

use std::io;
use std::sync::Arc;

use remora::deploy;
use remora::end_signals::EndSignals;
use remora::temporary;

use super::exit_code;
use super::progress::Screen;

/// From now on SIGINT, SIGTERM, SIGHUP and SIGQUIT end the check of a deployment, remove every temporary
/// file and end the process.
pub(super) fn install(screen: Arc<Screen>) {
    if let Err(error) = listen(screen) {
        tracing::warn!("Ctrl-C may leave temporary files behind: {error}");
    }
}

/// Takes the signals over before it returns, and waits for them on a thread of its own.
fn listen(screen: Arc<Screen>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let entered = runtime.enter();
    let mut signals = EndSignals::listen()?;
    drop(entered);
    let wait = async move { signals.next().await };
    let thread = std::thread::Builder::new().name("interrupt".into());
    thread.spawn(move || end(runtime.block_on(wait), &screen)).map(drop)
}

fn end(signal: i32, screen: &Screen) -> ! {
    deploy::end_checks();
    temporary::discard_all();
    screen.clear();
    // The process ends whether or not this can be read.
    let _ = screen.write(b"interrupted: nothing was left half-written\n");
    exit_code::end_by_signal(signal)
}
