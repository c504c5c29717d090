//! What a delta with additions tells its reader: where the base has nearly what the target has.

use std::ops::Range;

/// A stretch of the target that the base has too, but for some of its bytes. Whoever rebuilds it adds
/// differences to the base's bytes. What no cover has is literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cover {
    /// Where in the target it starts, in bytes.
    pub start: u64,
    /// How many bytes it has, one at least.
    pub len: u64,
    /// Where in the base stream it starts, in bytes.
    pub offset: u64,
}

impl Cover {
    /// Where in the target it ends.
    pub fn end(&self) -> u64 {
        self.start + self.len
    }

    /// Base position minus target position.
    pub(super) fn displacement(&self) -> i64 {
        self.offset as i64 - self.start as i64
    }
}

/// Puts `cover` behind `covers`, or makes the last of them longer if `cover` goes on with it.
pub(crate) fn append_cover(covers: &mut Vec<Cover>, cover: Cover) {
    match covers.last_mut() {
        Some(last) if last.end() == cover.start && last.displacement() == cover.displacement() => {
            last.len += cover.len;
        }
        _ => covers.push(cover),
    }
}

/// Returns the parts of `covers`, which are in order, that are in `range`.
pub(crate) fn covers_within(covers: &[Cover], range: &Range<u64>) -> Vec<Cover> {
    let first = covers.partition_point(|cover| cover.end() <= range.start);
    let end = covers.partition_point(|cover| cover.start < range.end);
    let part = |cover: &Cover| {
        let start = cover.start.max(range.start);
        let len = cover.end().min(range.end) - start;
        Cover { start, len, offset: cover.offset + (start - cover.start) }
    };
    covers[first..end.max(first)].iter().map(part).collect()
}
