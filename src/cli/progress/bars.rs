//! Bars that move: one a stage, shown from its first byte on.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{
    HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};
use remora::progress::Stage;

use super::stages::{STAGES, place};

/// Redraws a second: enough to look alive, few enough for a slow terminal.
const REDRAWS_PER_SECOND: u8 = 10;
const TEMPLATE: &str =
    "{prefix:>7} {wide_bar} {decimal_bytes:>9} of {decimal_total_bytes:<9} {left}";
/// Columns of the time left as a rule.
const LEFT_COLUMNS: usize = 9;
/// Before that nobody can tell how long a stage will take.
const GUESSED_AFTER: Duration = Duration::from_secs(1);

/// The words are as wide as the longest usual ones, so that the bars of several things end together.
const GAUGE_TEMPLATE: &str = "{prefix} {wide_bar} {msg:24}";
/// The position of a full gauge.
const FULL_GAUGE: u64 = 100;

const TALLY_TEMPLATE: &str = "{prefix:>7} {wide_bar} {percent:>3} % {elapsed_precise} {msg}";

pub(super) struct Bars {
    all: MultiProgress,
    bars: [ProgressBar; STAGES.len()],
    expected: [AtomicU64; STAGES.len()],
}

impl Bars {
    pub(super) fn new() -> Self {
        let all =
            MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND));
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is valid");
        let style = style.progress_chars("=> ").with_key("left", write_left);
        let bars = STAGES.map(|stage| {
            let bar = ProgressBar::new(0).with_style(style.clone()).with_prefix(stage.name());
            all.add(bar)
        });
        Bars { all, bars, expected: Default::default() }
    }

    pub(super) fn expect(&self, stage: Stage, units: u64) {
        let before = self.expected[place(stage)].fetch_add(units, Ordering::Relaxed);
        let bar = &self.bars[place(stage)];
        // A bar that has not begun stays off the screen.
        if bar.position() > 0 {
            bar.set_length(before + units);
        }
    }

    pub(super) fn advance(&self, stage: Stage, units: u64) {
        let bar = &self.bars[place(stage)];
        if bar.position() == 0 {
            // The time left counts from when the stage begins.
            bar.reset_elapsed();
            bar.reset_eta();
            bar.set_length(self.expected[place(stage)].load(Ordering::Relaxed));
        }
        bar.inc(units);
    }

    /// A bar of its own for `total` units of no size.
    pub(super) fn tally(&self, name: &'static str, total: u64) -> ProgressBar {
        let style = ProgressStyle::with_template(TALLY_TEMPLATE).expect("the template is valid");
        let style = style.progress_chars("=> ");
        self.all.add(ProgressBar::new(total).with_style(style).with_prefix(name))
    }

    /// A bar of its own for 100 percent of something.
    pub(super) fn gauge(&self) -> ProgressBar {
        let style = ProgressStyle::with_template(GAUGE_TEMPLATE).expect("the template is valid");
        self.all.add(ProgressBar::new(FULL_GAUGE).with_style(style.progress_chars("=> ")))
    }

    pub(super) fn suspend<R>(&self, work: impl FnOnce() -> R) -> R {
        self.all.suspend(work)
    }

    /// Takes the bars off the screen for good.
    pub(super) fn clear(&self) {
        self.bars.iter().for_each(ProgressBar::finish_and_clear);
    }
}

/// Writes how long the stage will still take.
fn write_left(state: &ProgressState, out: &mut dyn Write) {
    // A bar that lacks a word still says the rest.
    let _ = out.write_str(&left(state.elapsed(), state.eta()));
}

/// The time left after some time, in columns that do not change.
fn left(elapsed: Duration, eta: Duration) -> String {
    match elapsed < GUESSED_AFTER {
        true => " ".repeat(LEFT_COLUMNS),
        false => format!("{:>4} left", format!("{:#}", HumanDuration(eta))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_after_a_second() {
        let eta = Duration::from_secs(42);
        assert_eq!(left(Duration::from_millis(999), eta), " ".repeat(LEFT_COLUMNS));
        assert_eq!(left(Duration::from_secs(1), eta), " 42s left");
    }
}
