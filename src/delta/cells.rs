//! How a target is cut for the search: long unchanged spans stand, what lies between them is cut
//! into segments, and segments are grouped into cells of about equal work.
//!
//! The cut depends on the target and the spans alone, never on the number of threads.

use std::ops::Range;

use super::Cover;
use super::matching::Span;

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

/// The covers of a target for certain, which has these `spans`.
pub(super) fn certain_covers(spans: &[Span]) -> impl Iterator<Item = Cover> {
    spans.iter().filter(|span| is_certain(span)).map(|span| Cover {
        start: span.start as u64,
        len: span.len as u64,
        offset: span.offset,
    })
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

/// The cells in groups of at most `most` that are likely alike: one right after the other, with nothing unchanged between
/// or inside them, as in one large file.
pub(super) fn alike(cells: &[Cell], most: usize) -> Vec<&[Cell]> {
    let continues = |before: &Cell, after: &Cell| match (&before[..], &after[..]) {
        ([before], [after]) => before.end == after.start,
        _ => false,
    };
    cells.chunk_by(continues).flat_map(|run| run.chunks(most)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cells_of_one_piece_that_follow_each_other_are_alike() {
        let cell =
            |pieces: &[(usize, usize)]| pieces.iter().map(|&(start, end)| start..end).collect();
        let cut: [Cell; 6] = [
            cell(&[(0, 5)]),
            cell(&[(5, 9)]),
            cell(&[(9, 12)]),
            cell(&[(20, 30)]),
            cell(&[(30, 32), (40, 41)]),
            cell(&[(41, 50)]),
        ];
        let groups = |most| alike(&cut, most).iter().map(|group| group.len()).collect::<Vec<_>>();
        assert_eq!(groups(8), [3, 1, 1, 1]);
        assert_eq!(groups(2), [2, 1, 1, 1, 1]);
        assert_eq!(groups(1), [1; 6]);
    }
}
