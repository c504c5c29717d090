//! What a running command has at hand: the screen, and one way to give its answer.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use remora::progress::Progress;
use serde::Serialize;

use super::failure::Failure;
use super::progress::{Gauges, Screen, Tally};

/// The version of the JSON answers' shape. Fields may be added without a new version; none is
/// renamed, removed or given another meaning.
const SCHEMA_VERSION: u32 = 1;

/// A running command's surroundings.
pub(super) struct Session {
    command: &'static str,
    screen: Arc<Screen>,
    json: bool,
    quiet: bool,
}

/// The frame of every JSON answer.
#[derive(Serialize)]
struct Envelope<'a, T> {
    schema_version: u32,
    command: &'static str,
    #[serde(flatten)]
    answer: &'a T,
}

impl Session {
    pub(super) fn new(command: &'static str, screen: Arc<Screen>, json: bool, quiet: bool) -> Self {
        Session { command, screen, json, quiet }
    }

    /// Where the library reports progress to.
    pub(super) fn progress(&self) -> &dyn Progress {
        &*self.screen
    }

    /// Shows how much of `total` units is done.
    pub(super) fn tally(&self, name: &'static str, total: u64) -> Tally {
        self.screen.tally(name, total)
    }

    /// Shows how far each of several things is, which have these names.
    pub(super) fn gauges(&self, names: Vec<String>) -> Gauges {
        self.screen.gauges(names)
    }

    /// Whether the answer is to be JSON.
    pub(super) fn json(&self) -> bool {
        self.json
    }

    /// Whether summaries are shown as text for people.
    pub(super) fn shows_summaries(&self) -> bool {
        !self.json && !self.quiet
    }

    /// Gives what was asked for on stdout: as JSON, or as text for a person.
    pub(super) fn answer<T: fmt::Display + Serialize>(&self, answer: &T) -> Result<(), Failure> {
        self.screen.finish();
        match self.json {
            true => self.print_json(answer),
            false => print(&answer.to_string()),
        }
    }

    /// Gives one of many answers that come over time: a line of text or of JSON.
    pub(super) fn event<T: fmt::Display + Serialize>(&self, event: &T) {
        let line = match self.json {
            true => serde_json::to_string(&self.envelope(event)).expect("answers are plain data"),
            false => event.to_string(),
        };
        self.screen.clear();
        // Whoever does not read any more is no reason to stop the work.
        let _ = print(&format!("{line}\n"));
    }

    /// Like [`answer`](Self::answer) for a summary of what was done: nobody asked for it, so quiet
    /// keeps it away, and it goes to stderr while stdout carries an image.
    pub(super) fn summary<T: fmt::Display + Serialize>(
        &self,
        summary: &T,
        stdout_is_taken: bool,
    ) -> Result<(), Failure> {
        self.screen.finish();
        match (self.json, self.quiet) {
            (true, _) => self.print_json(summary),
            (false, true) => Ok(()),
            (false, false) if stdout_is_taken => {
                let _ = self.screen.write(summary.to_string().as_bytes());
                Ok(())
            }
            (false, false) => print(&summary.to_string()),
        }
    }

    /// Gives what was found by a command that `failure` ends: as text now, as JSON together with the
    /// failure, so that stdout is one document.
    pub(super) fn answer_with<T: fmt::Display + Serialize>(
        &self,
        answer: &T,
        failure: Failure,
    ) -> Result<(), Failure> {
        if self.json {
            return Err(failure.with_answer(answer));
        }
        self.answer(answer)?;
        Err(failure)
    }

    /// The same for a summary, which quiet keeps away however the work ended.
    pub(super) fn summary_with<T: fmt::Display + Serialize>(
        &self,
        summary: &T,
        failure: Failure,
    ) -> Result<(), Failure> {
        match self.quiet && !self.json {
            true => Err(failure),
            false => self.answer_with(summary, failure),
        }
    }

    /// Tells of a failure on stderr, and as JSON on stdout where JSON was asked for. Gives the exit
    /// code for it.
    pub(super) fn fail(&self, failure: &Failure) -> ExitCode {
        self.screen.clear();
        if !failure.is_told() {
            let _ = self.screen.write(failure.render(self.screen.color()).as_bytes());
        }
        if self.json {
            let _ = self.print_json(&failure.record());
        }
        ExitCode::from(failure.exit_code())
    }

    fn envelope<'a, T>(&self, answer: &'a T) -> Envelope<'a, T> {
        Envelope { schema_version: SCHEMA_VERSION, command: self.command, answer }
    }

    fn print_json(&self, answer: &impl Serialize) -> Result<(), Failure> {
        let text =
            serde_json::to_string_pretty(&self.envelope(answer)).expect("answers are plain data");
        print(&format!("{text}\n"))
    }
}

/// Prints to stdout. A reader that has gone away (`remora diff … | head`) is no failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::io("cannot write to stdout", &error))
        }
        _ => Ok(()),
    }
}
