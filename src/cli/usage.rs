//! A command line that cannot be read, told like every other failure; and the texts that clap gives
//! when asked for them.

use std::num::ParseIntError;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::{ContextKind, ContextValue, ErrorKind as Problem};
use remora::Cause;
use remora::image::{ImageError, PlatformError};

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
            Session::new(PROGRAM, screen, json, false).fail(&failure(error))
        }
    }
}

/// The failure that clap's report tells of: its first paragraph says what is wrong. What to do is said by the
/// value's own error, a tip, or what is known of that kind of problem.
pub(super) fn failure(error: &clap::Error) -> Failure {
    let report = error.render().to_string();
    let (what, tip) = read(&report);
    let (what, hint) = match advice(error) {
        // An error that is advice need not be told twice.
        Some(Advice::InsteadOf(text)) => {
            (what.strip_suffix(&format!(": {text}")).unwrap_or(&what).to_owned(), Some(text))
        }
        Some(Advice::Beside(text)) => (what, Some(text)),
        None => (what, None),
    };
    let hint = hint.or(tip).or_else(|| kind_hint(error));
    Failure::usage(what, hint.unwrap_or_else(|| general_hint(Cause::Usage).to_owned()))
}

/// What is wrong, on one line, and clap's tip.
fn read(report: &str) -> (String, Option<String>) {
    let what = report.split("\n\n").next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(what);
    let what: Vec<&str> = what.split_whitespace().collect();
    let mut tips = report.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
    // That an unknown option could be meant as a reference is never what is wrong.
    let tip = tips.find(|tip| !tip.starts_with("to pass")).map(str::to_owned);
    (what.join(" "), tip)
}

/// What the error of a value says to do.
enum Advice {
    /// The error is nothing but that.
    InsteadOf(String),
    /// Beside what is wrong.
    Beside(String),
}

/// What to do about a value that can't be read, by its own error.
fn advice(error: &clap::Error) -> Option<Advice> {
    let source = std::error::Error::source(error)?;
    if let Some(error) = source.downcast_ref::<NameError>() {
        return error.hint().map(Advice::Beside);
    }
    if let Some(error) = source.downcast_ref::<PlatformError>() {
        return ImageError::from(error.clone()).hint().map(Advice::Beside);
    }
    let text = source.to_string();
    match text.split_once(" is not in ") {
        _ if text.starts_with("write ") => Some(Advice::InsteadOf(text)),
        Some((_, range)) => Some(Advice::Beside(match range.split_once("..") {
            Some((least, "")) => format!("write a number from {least} on"),
            Some((least, most)) => {
                format!("write a number from {least} to {}", most.trim_start_matches('='))
            }
            None => format!("write a number in {range}"),
        })),
        None if source.is::<ParseIntError>() => Some(Advice::Beside("write a number".to_owned())),
        None => None,
    }
}

/// What to do about a problem of that kind.
fn kind_hint(error: &clap::Error) -> Option<String> {
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let usage = usage.trim().strip_prefix("Usage: ").and_then(|usage| usage.lines().next());
    let command = usage.map(|usage| {
        let is_word = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
        usage.split(' ').take_while(is_word).collect::<Vec<_>>().join(" ")
    });
    match error.kind() {
        Problem::InvalidSubcommand => {
            Some("remora --help shows which commands there are".to_owned())
        }
        Problem::UnknownArgument if is_option(error) => {
            Some(format!("{} --help-all shows which options there are", command?))
        }
        Problem::UnknownArgument => {
            Some(format!("write it as {}; a value with a blank goes in quotes", usage?))
        }
        Problem::MissingRequiredArgument => {
            let missing = match error.get(ContextKind::InvalidArg)? {
                ContextValue::Strings(missing) => missing.join(" and "),
                other => other.to_string(),
            };
            Some(format!("add {missing}; {} --help has examples", command?))
        }
        Problem::ArgumentConflict => Some("leave one of them out".to_owned()),
        Problem::InvalidValue => Some(match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(known)) if known.is_empty() => {
                "write the value behind it".to_owned()
            }
            Some(ContextValue::Strings(known)) if is_missing(error) => {
                format!("write one of these behind it: {}", known.join(", "))
            }
            Some(ContextValue::Strings(known)) => {
                format!("write one of these: {}", known.join(", "))
            }
            _ => "write the value behind it".to_owned(),
        }),
        _ => Some(format!("{} --help-all says what it may be", command?)),
    }
}

/// Whether what is not known is an option, and not one word too many.
fn is_option(error: &clap::Error) -> bool {
    let unknown = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    unknown.is_some_and(|unknown| unknown.starts_with('-'))
}

/// Whether a value is missing altogether.
fn is_missing(error: &clap::Error) -> bool {
    error.get(ContextKind::InvalidValue).is_none_or(|value| value.to_string().is_empty())
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    fn said(line: &str) -> String {
        let number = clap::value_parser!(u8).range(1..=9);
        let command = Command::new("remora").subcommand_required(true).subcommand(
            Command::new("make")
                .arg(Arg::new("base").required(true).value_name("BASE"))
                .arg(Arg::new("effort").long("effort").value_parser(number))
                .arg(Arg::new("kind").long("kind").value_parser(["a", "b"])),
        );
        let error = command.try_get_matches_from(line.split(' ')).expect_err(line);
        failure(&error).render(false)
    }

    #[test]
    fn a_problem_is_one_line_and_another_says_what_to_do_about_it() {
        for (line, hint) in [
            ("remora make", "add <BASE>; remora make --help has examples"),
            (
                "remora make x y",
                "write it as remora make [OPTIONS] <BASE>; a value with a blank goes in quotes",
            ),
            (
                "remora make x --nothing-like-it",
                "remora make --help-all shows which options there are",
            ),
            ("remora make x --efort 1", "a similar argument exists: '--effort'"),
            ("remora make x --effort 10", "write a number from 1 to 9"),
            ("remora make x --effort y", "write a number"),
            ("remora make x --kind c", "write one of these: a, b"),
            ("remora make x --kind", "write one of these behind it: a, b"),
            ("remora nothing-like-it", "remora --help shows which commands there are"),
        ] {
            let said = said(line);
            assert_eq!(said.lines().count(), 2, "{said}");
            assert!(said.ends_with(&format!("hint: {hint}\n")), "{line}: {said}");
        }
    }
}
