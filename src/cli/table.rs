//! Plain tables: columns as wide as their widest cell, two spaces between them.

use std::fmt;

use super::plain::plain;

/// How the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A table with a heading, ready to be printed.
#[derive(Debug)]
pub(super) struct Table {
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns and no rows.
    pub(super) fn new(columns: &[(&str, Align)]) -> Self {
        let heading = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        Table { aligns: columns.iter().map(|&(_, align)| align).collect(), rows: vec![heading] }
    }

    /// Adds a row at the bottom; cells that are not given stay empty.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| plain(&cell)).collect());
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.aligns.len()).map(|column| self.width(column)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (&align, &width)) in self.aligns.iter().zip(&widths).enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                let gap = if column == 0 { "" } else { "  " };
                // A format string's width ends at 65,535; names of files in hostile images do not.
                let blanks = " ".repeat(width - cell.chars().count());
                line += &match align {
                    Align::Left => format!("{gap}{cell}{blanks}"),
                    Align::Right => format!("{gap}{blanks}{cell}"),
                };
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_any_length_is_shown() {
        let mut table = Table::new(&[("size", Align::Right), ("file", Align::Left)]);
        table.row(["1".into(), "x".repeat(70_000)]);
        assert!(table.to_string().ends_with(&format!("   1  {}\n", "x".repeat(70_000))));
    }

    #[test]
    fn columns_line_up_and_lines_have_no_trailing_blanks() {
        let mut table =
            Table::new(&[("name", Align::Left), ("size", Align::Right), ("", Align::Left)]);
        table.row(["a".into(), "1,000".into()]);
        table.row(["longer µ".into(), "7".into(), "note".into()]);
        assert_eq!(table.to_string(), "name       size\na         1,000\nlonger µ      7  note\n");
    }
}
