//! A server's run on the command line, whichever it is: its log, its settings, its end.

use std::io::IsTerminal as _;

use remora::server::Ended;
use remora::temporary;

use super::exit_code;
use super::failure::Failure;
use super::log::{self, LogFormat};
use super::output_arguments::OutputArguments;

/// Runs a server with these settings until a signal comes.
pub(super) fn run_server<S, E>(
    format: LogFormat,
    output: &OutputArguments,
    settings: impl FnOnce() -> Result<S, Failure>,
    run: impl FnOnce(S) -> Result<Ended, E>,
) -> Result<(), Failure>
where
    Failure: From<E>,
{
    let mut log = log::install_server(format, output.verbose, output.quiet)?;
    let ended = settings().and_then(|settings| Ok(run(settings)?));
    // Last words take the way of the log: nobody may be reading, which must not keep us here.
    let ended = ended.map_err(|failure| failure.tell(&mut log, std::io::stderr().is_terminal()));
    log.finish();
    if let Ended::AtOnce(signal) = ended? {
        temporary::discard_all();
        exit_code::end_by_signal(signal);
    }
    Ok(())
}
