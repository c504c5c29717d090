//! Progress as plain lines, for logs: a line about a stage now and then, and one at its end.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use remora::progress::Stage;

use super::{STAGES, place};
use crate::cli::units;

pub(super) struct Lines<W> {
    interval: Duration,
    state: Mutex<Printed<W>>,
}

struct Printed<W> {
    out: W,
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
        let state = Printed { out, stages: [counter; STAGES.len()] };
        Lines { interval, state: Mutex::new(state) }
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
        // Progress that cannot be shown must not stop the work.
        let _ = writeln!(self.out, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(interval: Duration) -> String {
        let lines = Lines::new(Vec::new(), interval);
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
            printed(Duration::ZERO),
            "fetch: 1.00 kB of 3.00 kB\nfetch: 3.00 kB of 3.00 kB\nfetch: 3.00 kB done\n"
        );
        assert_eq!(printed(Duration::MAX), "fetch: 3.00 kB done\n");
    }
}
