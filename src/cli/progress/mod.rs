//! Progress as a person sees it: bars on a terminal, lines in a log, or nothing.

mod bars;
mod gauges;
mod lines;
mod stages;
mod tally;

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use remora::progress::{Progress, Stage};

use self::bars::Bars;
pub(super) use self::gauges::Gauges;
use self::lines::Lines;
pub(super) use self::tally::Tally;
use super::plain::plain;

/// How often a log gets a line about a stage that goes on.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// How often somebody who asked for nothing gets a line off a terminal, and after which time the first.
const UNASKED_INTERVAL: Duration = Duration::from_secs(10);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Mode {
    /// Bars where stderr is a terminal, elsewhere a line each 10 s if it takes that long.
    #[default]
    Auto,
    /// Bars that move, for terminals.
    Bars,
    /// A plain line now and then, for logs.
    Lines,
    /// Nothing.
    Off,
}

/// The screen that progress, notes and the log share: stderr. Whoever writes a line to it writes
/// it here, so that bars and lines don't garble each other.
pub(super) struct Screen {
    drawing: Drawing,
    notes: bool,
}

enum Drawing {
    Bars(Bars),
    Lines(Lines<io::Stderr>),
    Off,
}

impl Screen {
    /// The screen for this mode; a quiet one shows neither progress nor notes.
    pub(super) fn new(mode: Mode, quiet: bool) -> Self {
        let drawing = match mode {
            _ if quiet => Drawing::Off,
            Mode::Auto if draws_on_stderr() => Drawing::Bars(Bars::new()),
            Mode::Bars => Drawing::Bars(Bars::new()),
            Mode::Lines => Drawing::Lines(Lines::new(io::stderr(), LINE_INTERVAL)),
            Mode::Auto => Drawing::Lines(Lines::for_long_work(io::stderr(), UNASKED_INTERVAL)),
            Mode::Off => Drawing::Off,
        };
        Screen { drawing, notes: !quiet }
    }

    /// Whether what is written may be coloured: on a terminal, unless `NO_COLOR` is set.
    pub(super) fn color(&self) -> bool {
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
    }

    /// Counts `total` units of something that is no stage.
    pub(super) fn tally(&self, name: &'static str, total: u64) -> Tally {
        match &self.drawing {
            Drawing::Bars(bars) => Tally::bar(bars.tally(name, total)),
            Drawing::Lines(lines) => Tally::lines(name, total, lines.interval()),
            Drawing::Off => Tally::nothing(),
        }
    }

    /// Shows how far each of several things is, which have these names.
    pub(super) fn gauges(&self, names: Vec<String>) -> Gauges {
        match &self.drawing {
            Drawing::Bars(bars) => Gauges::bars(names, || bars.gauge()),
            Drawing::Lines(_) => Gauges::lines(names),
            Drawing::Off => Gauges::nothing(),
        }
    }

    /// Writes to stderr, above the bars where there are any.
    pub(super) fn write(&self, text: &[u8]) -> io::Result<()> {
        match &self.drawing {
            Drawing::Bars(bars) => bars.suspend(|| io::stderr().write_all(text)),
            Drawing::Lines(_) | Drawing::Off => io::stderr().write_all(text),
        }
    }

    /// Takes bars off the screen, for the last words of a command that did not finish.
    pub(super) fn clear(&self) {
        if let Drawing::Bars(bars) = &self.drawing {
            bars.clear();
        }
    }

    /// Ends progress: bars vanish, lines get their last. To be called before the result is printed.
    pub(super) fn finish(&self) {
        match &self.drawing {
            Drawing::Bars(bars) => bars.clear(),
            Drawing::Lines(lines) => lines.finish(),
            Drawing::Off => {}
        }
    }
}

/// Whether stderr is a terminal that can move its cursor.
fn draws_on_stderr() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl Progress for Screen {
    fn expect(&self, stage: Stage, units: u64) {
        match &self.drawing {
            Drawing::Bars(bars) => bars.expect(stage, units),
            Drawing::Lines(lines) => lines.expect(stage, units),
            Drawing::Off => {}
        }
    }

    fn advance(&self, stage: Stage, units: u64) {
        match &self.drawing {
            Drawing::Bars(bars) => bars.advance(stage, units),
            Drawing::Lines(lines) => lines.advance(stage, units),
            Drawing::Off => {}
        }
    }

    fn measures_memory(&self) -> bool {
        true
    }

    fn note(&self, line: &str) {
        if self.notes {
            // A note that cannot be shown must not stop the work.
            let _ = self.write(format!("note: {}\n", plain(line)).as_bytes());
        }
    }
}
