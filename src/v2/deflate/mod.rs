//! Compressing literal stretches: raw deflate (RFC 1951) cut as a batch wants it.
//!
//! A reader's window holds the last 32 KiB of the new file, however they got there. So every
//! stretch may refer to what lies before it in the file, and costs next to nothing to start.
//! Each ends open: with the header of an empty stored block, whose length the reader supplies.

mod bits;
mod block;
mod bulk;
mod finder;
mod huffman;
mod parse;
mod reopen;
mod symbols;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::bits::BitWriter;
use self::finder::Finder;
use self::parse::Parser;
use crate::delta::Effort;

/// What a reader adds at the end of a stretch: the length of the empty stored block. Where one
/// stretch is to follow another directly, the batch brings it.
pub(super) const OPEN_END: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Stretches up to this many bytes are compressed with what precedes them in the file...
const WITH_HISTORY_MAX: usize = 32 << 10;
/// ... and from this many on by a stronger compressor that knows no history; between the two the
/// smaller result counts.
const BULK_MIN: usize = 512;
/// How much of a stretch becomes one deflate block.
const BLOCK: usize = 16 << 10;

/// Compresses stretches of one file, from front to back.
pub(super) struct Deflater<'a> {
    file: &'a [u8],
    start: usize,
    effort: Effort,
    /// Made when first needed: its tables are large.
    history: Option<(Finder<'a>, Parser)>,
}

impl<'a> Deflater<'a> {
    /// For stretches of `file` that start at `start` or later.
    pub(super) fn new(file: &'a [u8], start: usize, effort: Effort) -> Self {
        Deflater { file, start, effort, history: None }
    }

    /// Appends the stretch `range` of the file, compressed and left open. Not for an empty one.
    pub(super) fn stretch(&mut self, range: Range<usize>, out: &mut Vec<u8>) {
        let start = out.len();
        if range.len() < BULK_MIN || range.start > 0 && range.len() <= WITH_HISTORY_MAX {
            self.with_history(range.clone(), out);
        }
        if range.len() >= BULK_MIN {
            let mut bulk = Vec::new();
            bulk::compress(&self.file[range], self.effort, &mut bulk);
            if out.len() == start || bulk.len() < out.len() - start {
                out.truncate(start);
                out.append(&mut bulk);
            }
        }
    }

    fn with_history(&mut self, range: Range<usize>, out: &mut Vec<u8>) {
        let (file, start) = (self.file, self.start);
        let (finder, parser) =
            self.history.get_or_insert_with(|| (Finder::new(file, start), Parser::default()));
        let mut bits = BitWriter::new(out);
        let mut at = range.start;
        while at < range.end {
            let end = range.end.min(at + BLOCK);
            finder.forward(at);
            parser.smallest(file, finder, at..end).write(&file[at..end], &mut bits);
            at = end;
        }
        bits.finish_open();
    }
}
