//! The log: what the library traces, to stderr.

mod queued;

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use self::queued::Queued;
use super::failure::Failure;
use super::progress::Screen;

/// The variable that sets the log's filter in full, for instance `remora=debug,hyper=info`.
const FILTER_VARIABLE: &str = "REMORA_LOG";

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    #[default]
    Human,
    /// A JSON object a line
    Json,
}

/// Starts the log: warnings by default, more with each `-v`, errors only when quiet.
pub(super) fn install(screen: Arc<Screen>, verbose: u8, quiet: bool) -> Result<(), Failure> {
    let default = match verbose {
        _ if quiet => "error",
        0 => "warn",
        1 => "warn,remora=info",
        2 => "info,remora=debug",
        _ => "debug,remora=trace",
    };
    let filter = filter(default)?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(screen.color())
        .with_target(verbose > 1)
        .without_time()
        .with_writer(ScreenWriter(screen));
    // Only a second call could fail, and there is none.
    let _ = subscriber.try_init();
    Ok(())
}

/// Starts a server's log: what it does by default, more with each `-v`, errors only when quiet. Every
/// line has its time, and the request that it is about.
pub(super) fn install_server(
    format: LogFormat,
    verbose: u8,
    quiet: bool,
) -> Result<Queued, Failure> {
    let default = match verbose {
        _ if quiet => "error",
        // The decisions that commands tell of with -v would be one line for each blob of each job.
        0 => "warn,remora=info,remora::image=warn,remora::store=warn",
        1 => "info,remora=debug",
        _ => "debug,remora=trace",
    };
    let filter = filter(default)?;
    let notice = match format {
        LogFormat::Human => dropped_for_people,
        LogFormat::Json => dropped_as_json,
    };
    let writer = queued::queued(io::stderr(), notice)
        .map_err(|error| Failure::io("cannot start the log's thread", &error))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer.clone());
    // What panics says so in the log, in the log's format.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    // Only a second call could fail, and there is none.
    let _ = match format {
        LogFormat::Human => {
            let color = io::stderr().is_terminal();
            subscriber.with_ansi(color).with_target(verbose > 0).try_init()
        }
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    Ok(writer)
}

fn dropped_for_people(lines: u64) -> String {
    format!("WARN {lines} lines of the log were dropped: nobody read them in time\n")
}

fn dropped_as_json(lines: u64) -> String {
    let message = "lines of the log were dropped: nobody read them in time";
    format!("{}\n", serde_json::json!({ "level": "WARN", "message": message, "lines": lines }))
}

/// What is logged: what the variable says, or the default where it is unset or empty.
fn filter(default: &str) -> Result<EnvFilter, Failure> {
    let text = std::env::var_os(FILTER_VARIABLE).unwrap_or_default();
    if text.is_empty() {
        return Ok(EnvFilter::new(default));
    }
    let parsed = text.to_str().filter(|text| has_only_levels(text));
    let parsed = parsed.and_then(|text| EnvFilter::try_new(text).ok());
    parsed.ok_or_else(|| {
        let what = format!("{FILTER_VARIABLE} is no filter for the log: {}", text.display());
        Failure::usage(what, "write levels like debug, or remora=debug,hyper=info")
    })
}

/// Whether each part of a filter that stands alone is a level. A level with a typing error would be taken for
/// the name of a crate, and nothing would be logged.
fn has_only_levels(text: &str) -> bool {
    let alone = |part: &&str| !part.contains(['=', '[', ':']);
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.filter(alone).all(|part| part.parse::<LevelFilter>().is_ok())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_with_a_typing_error_is_no_filter() {
        for text in ["debug", "remora=debug,hyper=info", "warn, remora=trace", "off", "5"] {
            assert!(has_only_levels(text), "{text}");
        }
        for text in ["debgu", "remora=debug,lound", "verbose", "remora"] {
            assert!(!has_only_levels(text), "{text}");
        }
    }
}
