//! What a command can fail with, and how that is told: one line of what, one of what to do, and an
//! exit code by kind.

use std::fmt;
use std::io;

use clap::builder::styling::{AnsiColor, Style};
use remora::image::{ImageError, RegistryError};
use remora::{Cause, Error, ErrorKind};
use serde::Serialize;

use super::exit_code;
use super::plain::plain;
use super::remedies::{Asked, in_words};

/// Characters of a message that are shown: what an image says of itself may be of any length.
const MAX_MESSAGE_CHARS: usize = 4_000;

/// Why a command failed.
#[derive(Debug)]
pub(super) struct Failure {
    cause: Cause,
    message: String,
    hint: String,
    /// What the command found all the same, for the JSON answer.
    answer: Option<Box<serde_json::Value>>,
    /// Whether stderr has it already.
    is_told: bool,
}

impl Failure {
    /// A failure that the command itself finds.
    pub(super) fn new(cause: Cause, what: impl Into<String>, hint: impl Into<String>) -> Self {
        let mut message = what.into();
        if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE_CHARS) {
            message.truncate(end);
            message.push_str(" …");
        }
        Failure { cause, message, hint: hint.into(), answer: None, is_told: false }
    }

    /// Tells of the failure here rather than on stderr at the end.
    pub(super) fn tell(self, log: &mut dyn std::io::Write, color: bool) -> Self {
        let is_told = log.write_all(self.render(color).as_bytes()).is_ok();
        Failure { is_told, ..self }
    }

    /// Whether stderr has it already.
    pub(super) fn is_told(&self) -> bool {
        self.is_told
    }

    /// The command line asks for something that makes no sense.
    pub(super) fn usage(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure::new(Cause::Usage, what, hint)
    }

    /// The surroundings failed while doing `what`.
    pub(super) fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        let cause = Cause::of_io(error);
        Failure::new(cause, format!("{what}: {error}"), general_hint(cause))
    }

    /// The exit code.
    pub(super) fn exit_code(&self) -> u8 {
        exit_code::of(self.cause.kind())
    }

    /// The failure as lines for stderr, in colour if `color`.
    pub(super) fn render(&self, color: bool) -> String {
        let style = |style: Style| if color { style } else { Style::new() };
        let (red, cyan) =
            (style(AnsiColor::Red.on_default().bold()), style(AnsiColor::Cyan.on_default()));
        let (message, hint) = (plain(&self.message), plain(&self.hint));
        format!("{red}error:{red:#} {message}\n{cyan}hint:{cyan:#} {hint}\n")
    }

    /// The failure as the JSON answer has it.
    pub(super) fn record(&self) -> Record<'_> {
        let kind = match self.cause.kind() {
            ErrorKind::Internal => "internal",
            ErrorKind::Usage => "usage",
            ErrorKind::Environment => "environment",
            ErrorKind::Content => "content",
            ErrorKind::Cancelled => "cancelled",
        };
        let error = ErrorRecord {
            kind,
            code: self.cause.code(),
            retry: self.cause.may_pass(),
            message: &self.message,
            hint: &self.hint,
        };
        Record { answer: self.answer.as_deref(), error }
    }

    /// The same failure, of a command that has found `answer` all the same: both are one JSON answer.
    pub(super) fn with_answer(mut self, answer: &impl Serialize) -> Self {
        self.answer = serde_json::to_value(answer).ok().map(Box::new);
        self
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let remedy = error.remedy().map(|remedy| {
            let asked = match error {
                Error::Server(_) => Asked::Server,
                _ => Asked::Command,
            };
            in_words(remedy, asked).to_owned()
        });
        let hint = login_hint(&error).or(remedy).or_else(|| error.hint());
        let hint = hint.unwrap_or_else(|| general_hint(error.cause()).to_owned());
        Failure::new(error.cause(), error.to_string(), hint)
    }
}

/// The command that lets in whoever a registry wants to know, with the registry's name.
fn login_hint(error: &Error) -> Option<String> {
    let Error::Image(ImageError::Registry(RegistryError::Unauthorized { place, known })) = error
    else {
        return None;
    };
    let host = place.split('/').next().unwrap_or(place);
    Some(match known {
        true => format!(
            "log in again with remora login {host}, or give other credentials with --authfile or --creds"
        ),
        // Such a name may have been meant for another registry.
        false if host == "docker.io" => return None,
        false => format!(
            "log in with remora login {host} (podman login and docker login serve as well), and check \
             the name"
        ),
    })
}

/// What to do where the error itself knows nothing better.
pub(super) fn general_hint(cause: Cause) -> &'static str {
    match cause {
        Cause::Missing => "check the name and its tag",
        Cause::NoFile => "check the name",
        Cause::Permission => "check who may read and write there, or choose another place",
        Cause::DiskFull => "make room, or choose another place",
        Cause::Obstacle => "move away what is there, or choose another place",
        Cause::Disk => "check the disk, then try again",
        Cause::Resources => "allow more memory, threads and open files, or use fewer",
        _ => general_hint_of_kind(cause.kind()),
    }
}

fn general_hint_of_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Internal => "please report it, with the command line and all that was printed",
        ErrorKind::Usage => "see remora help, or --help after the command",
        ErrorKind::Environment => "check that it is there and may be used, then try again",
        ErrorKind::Content => {
            "it is damaged, or something else than was meant: check the name, or make it again"
        }
        ErrorKind::Cancelled => "nothing was written; start it again when it suits",
    }
}

/// The part of a JSON answer that tells of a failure.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    answer: Option<&'a serde_json::Value>,
    error: ErrorRecord<'a>,
}

#[derive(Debug, Serialize)]
struct ErrorRecord<'a> {
    kind: &'static str,
    code: &'static str,
    /// Whether the same may succeed later though nobody has changed anything.
    retry: bool,
    message: &'a str,
    hint: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_an_end() {
        let failure = Failure::usage("é".repeat(100_000), "do this");
        assert_eq!(failure.message.chars().count(), MAX_MESSAGE_CHARS + 2);
    }

    #[test]
    fn a_message_stays_on_one_line_whatever_it_quotes() {
        let failure = Failure::usage("no\nsuch\u{1b}[31m thing", "do\tthis");
        assert_eq!(failure.render(false), "error: no such [31m thing\nhint: do this\n");
        assert_eq!(failure.exit_code(), 2);
    }
}
