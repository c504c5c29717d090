//! Progress as plain lines, for logs: a line about a stage now and then, and one at its end.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use remora::progress::Stage;

use super::stages::{STAGES, place};
use crate::cli::units;

pub(super) struct Lines<W> {
    interval: Duration,
    /// Whether work that was done before the first line was due gets none at all.
    only_long: bool,
    state: Mutex<Printed<W>>,
}

struct Printed<W> {
    out: W,
    /// Whether there has been a line.
    begun: bool,
    stages: [Counter; STAGES.len()],
}

#[derive(Clone, Copy)]
struct Counter {
    done: u64,
    expected: u64,
    printed: Instant,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W, interval: Duration) -> Self {
        let counter = Counter { done: 0, expected: 0, printed: Instant::now() };
        let state = Printed { out, begun: false, stages: [counter; STAGES.len()] };
        Lines { interval, only_long: false, state: Mutex::new(state) }
    }

    /// Lines about long work only: short work has none.
    pub(super) fn for_long_work(out: W, interval: Duration) -> Self {
        Lines { only_long: true, ..Self::new(out, interval) }
    }

    /// How long a stage that goes on is without a line.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) fn expect(&self, stage: Stage, units: u64) {
        self.with(|state| state.stages[place(stage)].expected += units);
    }

    pub(super) fn advance(&self, stage: Stage, units: u64) {
        self.with(|state| {
            let counter = &mut state.stages[place(stage)];
            counter.done += units;
            if counter.printed.elapsed() >= self.interval {
                counter.printed = Instant::now();
                let (done, expected) = (units::bytes(counter.done), units::bytes(counter.expected));
                state.print(&format!("{}: {done} of {expected}", stage.name()));
            }
        });
    }

    /// Prints what each stage came to.
    pub(super) fn finish(&self) {
        self.with(|state| {
            if self.only_long && !state.begun {
                return;
            }
            for stage in STAGES {
                let done = state.stages[place(stage)].done;
                if done > 0 {
                    state.print(&format!("{}: {} done", stage.name(), units::bytes(done)));
                }
            }
        });
    }

    fn with(&self, work: impl FnOnce(&mut Printed<W>)) {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<W: Write> Printed<W> {
    fn print(&mut self, line: &str) {
        self.begun = true;
        // Progress that cannot be shown must not stop the work.
        let _ = writeln!(self.out, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(lines: Lines<Vec<u8>>) -> String {
        lines.expect(Stage::Fetch, 3_000);
        lines.advance(Stage::Fetch, 1_000);
        lines.advance(Stage::Fetch, 2_000);
        lines.finish();
        let state = lines.state.into_inner().expect("not poisoned");
        String::from_utf8(state.out).expect("text")
    }

    #[test]
    fn a_stage_gets_a_line_per_interval_and_one_at_the_end() {
        assert_eq!(
            printed(Lines::new(Vec::new(), Duration::ZERO)),
            "fetch: 1.00 kB of 3.00 kB\nfetch: 3.00 kB of 3.00 kB\nfetch: 3.00 kB done\n"
        );
        assert_eq!(printed(Lines::new(Vec::new(), Duration::MAX)), "fetch: 3.00 kB done\n");
    }

    #[test]
    fn short_work_has_no_lines_unless_they_are_asked_for() {
        assert_eq!(printed(Lines::for_long_work(Vec::new(), Duration::MAX)), "");
        let long = printed(Lines::for_long_work(Vec::new(), Duration::ZERO));
        assert_eq!(long, printed(Lines::new(Vec::new(), Duration::ZERO)));
    }
}
