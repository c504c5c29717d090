//! How much of one thing is done: a bar, or off a terminal a line now and then.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::cli::plain::plain;

/// How much of one thing is done.
pub(in crate::cli) struct Tally(Shown);

enum Shown {
    Bar(ProgressBar),
    Lines(Lines),
    Nothing,
}

struct Lines {
    name: &'static str,
    interval: Duration,
    total: u64,
    done: u64,
    printed: Instant,
}

impl Tally {
    pub(super) fn bar(bar: ProgressBar) -> Self {
        Tally(Shown::Bar(bar))
    }

    /// A line each `interval`, the first after one.
    pub(super) fn lines(name: &'static str, total: u64, interval: Duration) -> Self {
        Tally(Shown::Lines(Lines { name, interval, total, done: 0, printed: Instant::now() }))
    }

    pub(super) fn nothing() -> Self {
        Tally(Shown::Nothing)
    }

    /// `units` more are done, of what `words` say.
    pub(in crate::cli) fn advance(&mut self, units: u64, words: &str) {
        match &mut self.0 {
            Shown::Bar(bar) => {
                bar.inc(units);
                bar.set_message(plain(words));
            }
            Shown::Lines(lines) => {
                lines.done += units;
                if let Some(line) = lines.due(words) {
                    // Progress that cannot be shown must not stop the work.
                    let _ = writeln!(io::stderr(), "{line}");
                }
            }
            Shown::Nothing => {}
        }
    }
}

impl Lines {
    /// The line, if it is time for one.
    fn due(&mut self, words: &str) -> Option<String> {
        if self.printed.elapsed() < self.interval {
            return None;
        }
        self.printed = Instant::now();
        let percent = self.done * 100 / self.total.max(1);
        Some(format!("{}: {percent} %, {}", self.name, plain(words)))
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if let Tally(Shown::Bar(bar)) = self {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(interval: Duration) -> Lines {
        Lines { name: "prepare", interval, total: 300, done: 42, printed: Instant::now() }
    }

    #[test]
    fn a_line_says_what_and_how_far_when_it_is_time() {
        let line = lines(Duration::ZERO).due("0 of 3 done; encode a -> b").expect("a line");
        assert_eq!(line, "prepare: 14 %, 0 of 3 done; encode a -> b");
        assert_eq!(lines(Duration::MAX).due("encode"), None);
    }
}
