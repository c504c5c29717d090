//! A command line that cannot be read, told like every other failure; and the texts that clap gives
//! when asked for them.

use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind as Problem;
use remora::Cause;

use super::failure::{Failure, general_hint};
use super::image_name::NameError;
use super::progress::{Mode, Screen};
use super::session::Session;

/// What answers in place of a command where none could be read.
const PROGRAM: &str = "remora";

/// Prints what `error` holds: help and version as they are, a problem as a failure.
pub(super) fn answer(error: &clap::Error) -> ExitCode {
    match error.kind() {
        Problem::DisplayHelp
        | Problem::DisplayVersion
        | Problem::DisplayHelpOnMissingArgumentOrSubcommand => error.exit(),
        _ => {
            let json = std::env::args_os().any(|argument| argument == "--json");
            let screen = Arc::new(Screen::new(Mode::Off, false));
            let failure = failure(&error.render().to_string(), name_hint(error).as_deref());
            Session::new(PROGRAM, screen, json, false).fail(&failure)
        }
    }
}

/// What to do about the name of an image, if that is what can't be read: clap reports its text only.
fn name_hint(error: &clap::Error) -> Option<String> {
    std::error::Error::source(error)?.downcast_ref::<NameError>()?.hint()
}

/// The failure that clap's report tells of: its first paragraph says what is wrong, and `hint`, or a
/// tip where it has one, what to do.
pub(super) fn failure(report: &str, hint: Option<&str>) -> Failure {
    let what = report.split("\n\n").next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(what);
    let what: Vec<&str> = what.split_whitespace().collect();
    let mut tips = report.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
    // That an unknown option could be meant as a reference is never what is wrong.
    let tip = tips.find(|tip| !tip.starts_with("to pass"));
    Failure::usage(what.join(" "), hint.or(tip).unwrap_or(general_hint(Cause::Usage)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_becomes_one_line_and_a_hint() {
        let report = "error: the following were not provided:\n  <A>\n  <B>\n\nUsage: x\n";
        let text = failure(report, None).render(false);
        let expected = "error: the following were not provided: <A> <B>\n\
                        hint: see remora help, or --help after the command\n";
        assert_eq!(text, expected);
        let report = "error: unexpected argument '--x' found\n\n  tip: '--y' exists\n\nUsage: x\n";
        assert!(failure(report, None).render(false).ends_with("hint: '--y' exists\n"));
    }
}
