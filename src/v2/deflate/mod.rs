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

/// What a reader adds at the end of a stretch: the length of the empty stored block. Where one
/// stretch is to follow another directly, the batch brings it.
pub(super) const OPEN_END: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Stretches up to this many bytes are compressed with what precedes them in the file...
const WITH_HISTORY_MAX: usize = 64 << 10;
/// ... and from this many on by a stronger compressor that knows no history; between the two the
/// smaller result counts.
const BULK_MIN: usize = 512;
/// How much of a stretch becomes one deflate block.
const BLOCK: usize = 32 << 10;

/// Compresses stretches of one file, from front to back.
pub(super) struct Deflater<'a> {
    file: &'a [u8],
    finder: Finder<'a>,
}

impl<'a> Deflater<'a> {
    /// For stretches of `file` that start at `start` or later.
    pub(super) fn new(file: &'a [u8], start: usize) -> Self {
        Deflater { file, finder: Finder::new(file, start) }
    }

    /// Appends the stretch `range` of the file, compressed and left open. Not for an empty one.
    pub(super) fn stretch(&mut self, range: Range<usize>, out: &mut Vec<u8>) {
        let start = out.len();
        let has_history = range.start > 0;
        if range.len() <= WITH_HISTORY_MAX && (has_history || range.len() < BULK_MIN) {
            self.with_history(range.clone(), out);
            if range.len() < BULK_MIN {
                return;
            }
        }
        let mut bulk = Vec::new();
        bulk::compress(&self.file[range], &mut bulk);
        if out.len() == start || bulk.len() < out.len() - start {
            out.truncate(start);
            out.append(&mut bulk);
        }
    }

    fn with_history(&mut self, range: Range<usize>, out: &mut Vec<u8>) {
        let mut bits = BitWriter::new(out);
        let mut at = range.start;
        while at < range.end {
            let end = range.end.min(at + BLOCK);
            self.finder.forward(at);
            let block = parse::smallest(self.file, &mut self.finder, at..end);
            block.write(&self.file[at..end], &mut bits);
            at = end;
        }
        bits.finish_open();
    }
}
