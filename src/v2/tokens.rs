//! The tokens of a compressed record (rsync's token.c): pieces of deflate data, and runs of blocks
//! of the old file.

use super::numbers::{push_int, push_short};

/// The most deflate data one token carries.
const DATA_MAX: usize = 16383;
/// The most blocks one run has.
const RUN_MAX: u32 = 65536;
/// How far ahead of the last block a run may start and still be written relative to it.
const NEAR: u32 = 63;

/// The token that ends a record.
pub(super) const END: u8 = 0x00;
/// Deflate data: the low six bits are the high bits of its length.
pub(super) const DATA: u8 = 0x40;
/// A block whose index is written out.
pub(super) const FAR: u8 = 0x20;
/// Added to [`FAR`]: more than one block.
pub(super) const FAR_RUN: u8 = 0x01;
/// A block close after the last one; the low six bits say how far.
pub(super) const NEAR_BLOCK: u8 = 0x80;
/// A run that starts close after the last block.
pub(super) const NEAR_RUN: u8 = 0xc0;

/// Blocks `first` to `first + count - 1` of the old file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) count: u32,
}

impl Run {
    /// The index of the last block.
    pub(super) fn last(self) -> u32 {
        self.first + (self.count - 1)
    }

    /// How many bytes the run takes after block `last`.
    pub(super) fn cost(self, last: u32) -> u32 {
        let near = self.first >= last && self.first - last <= NEAR;
        let token =
            |near: bool, count: u32| (if near { 1 } else { 5 }) + if count > 1 { 2 } else { 0 };
        match self.count {
            ..=RUN_MAX => token(near, self.count),
            count => {
                let (full, rest) = ((count - 1) / RUN_MAX, (count - 1) % RUN_MAX + 1);
                token(near, RUN_MAX) + (full - 1) * token(true, RUN_MAX) + token(true, rest)
            }
        }
    }
}

/// Appends compressed literal bytes.
pub(super) fn push_data(out: &mut Vec<u8>, data: &[u8]) {
    for piece in data.chunks(DATA_MAX) {
        out.extend_from_slice(&[DATA | (piece.len() >> 8) as u8, piece.len() as u8]);
        out.extend_from_slice(piece);
    }
}

/// Appends a run of blocks, the block used before being `last` (0 at first).
pub(super) fn push_run(out: &mut Vec<u8>, run: Run, mut last: u32) {
    let mut left = run;
    while left.count > 0 {
        let count = left.count.min(RUN_MAX);
        let near = left.first.checked_sub(last).filter(|&ahead| ahead <= NEAR);
        match near {
            Some(ahead) if count == 1 => out.push(NEAR_BLOCK | ahead as u8),
            Some(ahead) => out.push(NEAR_RUN | ahead as u8),
            None => {
                out.push(if count == 1 { FAR } else { FAR | FAR_RUN });
                push_int(out, left.first);
            }
        }
        if count > 1 {
            push_short(out, (count - 1) as u16);
        }
        last = left.first + (count - 1);
        left = Run { first: last + 1, count: left.count - count };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_written_in_the_fewest_bytes_and_cost_what_they_take() {
        let run = |first, count, last| {
            let (mut out, run) = (Vec::new(), Run { first, count });
            push_run(&mut out, run, last);
            assert_eq!(run.cost(last) as usize, out.len());
            out
        };
        assert_eq!(run(0, 1350, 0), [0xc0, 0x45, 0x05]);
        assert_eq!(run(1349, 1351, 1349), [0xc0, 0x46, 0x05]);
        assert_eq!(run(63, 1, 0), [0x80 + 63]);
        assert_eq!(run(64, 1, 0), [0x20, 64, 0, 0, 0]);
        assert_eq!(run(3, 2, 4), [0x21, 3, 0, 0, 0, 1, 0]);
        assert_eq!(run(0, 65536, 0), [0xc0, 0xff, 0xff]);
        assert_eq!(run(0, 65537, 0), [0xc0, 0xff, 0xff, 0x81]);
        assert_eq!(run(100, 131_073, 0).len(), 7 + 3 + 1);
    }

    #[test]
    fn data_is_cut_where_a_token_is_full() {
        let mut out = Vec::new();
        push_data(&mut out, &vec![7; DATA_MAX + 1]);
        assert_eq!(out[..2], [0x7f, 0xff]);
        assert_eq!(out[2 + DATA_MAX..], [0x40, 1, 7]);
    }
}
