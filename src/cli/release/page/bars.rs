//! Bars: what a delta costs beside what a plain pull costs.

use std::fmt::{self, Formatter};

use super::escape::escaped;
use crate::cli::units;

/// What something costs, with deltas and without.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// Bytes as it stands now.
    pub(super) now: u64,
    /// Bytes of a plain pull.
    pub(super) pull: u64,
}

/// A name with its cost.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    /// A few words beside the name.
    pub(super) words: String,
    pub(super) cost: Cost,
}

/// Rows of two bars each, all to one scale.
pub(super) fn write(out: &mut Formatter<'_>, rows: &[Row]) -> fmt::Result {
    let largest = rows.iter().map(|row| row.cost.now.max(row.cost.pull)).max().unwrap_or(0);
    writeln!(out, "<ul class=\"bars\">")?;
    for row in rows {
        write!(out, "<li><div class=\"name\"><b>{}</b> ", escaped(&row.name))?;
        writeln!(out, "<span>{}</span></div>", escaped(&row.words))?;
        if row.cost.pull > 0 || row.cost.now > 0 {
            bar(out, "now", row.cost.now, largest)?;
            bar(out, "pull", row.cost.pull, largest)?;
        }
        writeln!(out, "</li>")?;
    }
    writeln!(out, "</ul>")
}

fn bar(out: &mut Formatter<'_>, kind: &str, bytes: u64, largest: u64) -> fmt::Result {
    let percent = 100.0 * bytes as f64 / largest.max(1) as f64;
    write!(out, "<div class=\"bar {kind}\"><div><div style=\"width:{percent:.2}%\"></div></div>")?;
    writeln!(out, "<span>{}</span></div>", units::bytes(bytes))
}
