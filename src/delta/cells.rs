//! How a target is cut for the search: long unchanged spans stand, what lies between them is cut
//! into segments, and segments are grouped into cells of about equal work.
//!
//! The cut depends on the target and the spans alone, never on the number of threads.

use std::ops::Range;

use super::pairing::Span;

/// A span at least this long is a COPY for certain; shorter ones are candidates like others.
const CERTAIN: usize = 2048;
/// The longest segment.
const SEGMENT: usize = 64 << 10;
/// A cell is full when its segments have so many bytes.
const CELL: usize = 64 << 10;

/// A run of segments that one job works on.
pub(super) type Cell = Vec<Range<usize>>;

/// Whether `span` is a COPY for certain.
pub(super) fn is_certain(span: &Span) -> bool {
    span.len >= CERTAIN
}

/// The cells of a target of `len` bytes.
pub(super) fn cells(len: usize, spans: &[Span]) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    let mut room = 0;
    let mut at = 0;
    let end = Span { start: len, len: 0, offset: 0 };
    for span in spans.iter().filter(|span| is_certain(span)).chain([&end]) {
        while at < span.start {
            let segment = at..span.start.min(at + SEGMENT);
            at = segment.end;
            if room == 0 || cells.is_empty() {
                cells.push(Cell::new());
                room = CELL;
            }
            room = room.saturating_sub(segment.len());
            cells.last_mut().expect("just made").push(segment);
        }
        at = span.end();
    }
    cells
}
