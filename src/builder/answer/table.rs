//! The table at the end: each service with its image's size and the time that it took.

use std::time::Duration;

use super::words::{bytes, time};

/// A service that was built.
#[derive(Debug, Clone)]
pub(in crate::builder) struct Row {
    pub(in crate::builder) service: String,
    pub(in crate::builder) size: u64,
    pub(in crate::builder) taken: Duration,
}

/// The table's lines, in a box.
pub(in crate::builder) fn table(rows: &[Row]) -> Vec<String> {
    let head = ["Service", "Image Size", "Build Time"].map(str::to_owned);
    let cells = rows.iter().map(|row| [row.service.clone(), bytes(row.size), time(row.taken)]);
    let cells: Vec<[String; 3]> = std::iter::once(head).chain(cells).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2].map(|column| width(column).unwrap_or_default());
    let rule = |left: &str, middle: &str, right: &str| {
        let parts = widths.map(|width| "─".repeat(width + 2));
        format!("{left}{}{right}", parts.join(middle))
    };
    let line = |row: &[String; 3]| {
        let cells = [0, 1, 2].map(|column| format!(" {:<1$} ", row[column], widths[column]));
        format!("│{}│", cells.join("│"))
    };
    let mut lines = vec![rule("┌", "┬", "┐"), line(&cells[0]), rule("├", "┼", "┤")];
    lines.extend(cells[1..].iter().map(line));
    lines.push(rule("└", "┴", "┘"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_as_long_as_the_others() {
        let row = |service: &str, size| Row {
            service: service.to_owned(),
            size,
            taken: Duration::from_secs(3),
        };
        let lines = table(&[row("web", 12), row("a-service-with-a-name", 5_000_000)]);
        assert_eq!(lines.len(), 6);
        assert!(lines.iter().all(|line| line.chars().count() == lines[0].chars().count()));
        assert!(lines[3].contains("│ 12 B ") && lines[3].contains("3 seconds"));
    }
}
