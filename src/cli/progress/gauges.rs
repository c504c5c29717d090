//! How far each of several things is: a bar for each, or off a terminal a line when one takes a step.

use std::io::{self, Write as _};

use indicatif::ProgressBar;

use crate::cli::plain::plain;

/// Columns of the longest name that a bar shows whole.
const NAME_COLUMNS: usize = 20;

/// How far each of several things is.
pub(in crate::cli) struct Gauges {
    shown: Shown,
    things: Vec<Thing>,
}

enum Shown {
    Bars(Vec<ProgressBar>),
    Lines,
    Nothing,
}

struct Thing {
    name: String,
    /// The step that was told last.
    step: String,
}

impl Gauges {
    /// A bar for each of `names`, made by `bar`.
    pub(super) fn bars(names: Vec<String>, bar: impl Fn() -> ProgressBar) -> Self {
        let letters = |name: &String| plain(name).chars().count().min(NAME_COLUMNS);
        let columns = names.iter().map(letters).max().unwrap_or(0);
        let named = |name: &String| bar().with_prefix(fitted(&plain(name), columns));
        let bars = names.iter().map(named).collect();
        Self::new(names, Shown::Bars(bars))
    }

    /// A line when something changes.
    pub(super) fn lines(names: Vec<String>) -> Self {
        Self::new(names, Shown::Lines)
    }

    /// Nothing to be seen.
    pub(super) fn nothing() -> Self {
        Self::new(Vec::new(), Shown::Nothing)
    }

    fn new(names: Vec<String>, shown: Shown) -> Self {
        let thing = |name| Thing { name, step: String::new() };
        Gauges { shown, things: names.into_iter().map(thing).collect() }
    }

    /// Shows that thing number `index` is at so many percent. A bar has the `words` beside it, lines tell of each
    /// new `step`.
    pub(in crate::cli) fn show(&mut self, index: usize, percent: u64, words: &str, step: &str) {
        match &self.shown {
            Shown::Bars(bars) => {
                let Some(bar) = bars.get(index) else { return };
                bar.set_position(percent);
                bar.set_message(plain(words));
            }
            Shown::Lines => self.tell(index, words, step),
            Shown::Nothing => {}
        }
    }

    fn tell(&mut self, index: usize, words: &str, step: &str) {
        let Some(thing) = self.things.get_mut(index) else { return };
        if thing.step != step {
            step.clone_into(&mut thing.step);
            // Progress that cannot be shown must not stop the work.
            let _ = writeln!(io::stderr(), "{}: {}", plain(&thing.name), plain(words));
        }
    }
}

impl Drop for Gauges {
    fn drop(&mut self) {
        if let Shown::Bars(bars) = &self.shown {
            bars.iter().for_each(ProgressBar::finish_and_clear);
        }
    }
}

/// `name` in so many columns.
fn fitted(name: &str, columns: usize) -> String {
    match name.chars().count() > columns {
        true => name.chars().take(columns.saturating_sub(1)).chain(['…']).collect(),
        false => format!("{name:columns$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_takes_its_columns_and_no_more() {
        assert_eq!(fitted("web", 5), "web  ");
        assert_eq!(fitted("a-long-name", 5), "a-lo…");
    }
}
