//! The log: what the library traces, to stderr.

use std::io::{self, Write};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::progress::Screen;

/// The variable that sets the log's filter in full, for instance `remora=debug,hyper=info`.
const FILTER_VARIABLE: &str = "REMORA_LOG";

/// Starts the log: warnings by default, more with each `-v`, errors only when quiet.
pub(super) fn install(screen: Arc<Screen>, verbose: u8, quiet: bool) {
    let default = match verbose {
        _ if quiet => "error",
        0 => "warn",
        1 => "warn,remora=info",
        2 => "info,remora=debug",
        _ => "debug,remora=trace",
    };
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| default.into());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(screen.color())
        .with_target(verbose > 1)
        .without_time()
        .with_writer(ScreenWriter(screen));
    // Only a second call could fail, and there is none.
    let _ = subscriber.try_init();
}

/// Writes log lines to the screen, around the bars.
#[derive(Clone)]
struct ScreenWriter(Arc<Screen>);

impl Write for ScreenWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for ScreenWriter {
    type Writer = ScreenWriter;

    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}
