//! A stream cut into pieces, several of them compressed at a time.

use std::io::{self, Write};

use rayon::prelude::*;

use super::members::Compressors;
use super::method::PieceMethod;

/// Pieces in work at a time for each thread: some wait while others are compressed.
const PIECES_PER_THREAD: usize = 2;
/// Raw bytes in work at a time, however many threads there are: bounds memory.
const MAX_BYTES: usize = 32 << 20;

/// Cuts what is written to it into pieces, compresses each by itself and writes them in order.
pub(crate) struct Pieces<W> {
    method: PieceMethod,
    out: W,
    /// All but the last are full.
    waiting: Vec<Vec<u8>>,
    max_waiting: usize,
    /// How many pieces have been written already.
    written: usize,
    compressors: Compressors,
}

impl<W: Write> Pieces<W> {
    pub(super) fn new(method: PieceMethod, out: W) -> Self {
        let busy = rayon::current_num_threads() * PIECES_PER_THREAD;
        let max_waiting = busy.min(MAX_BYTES / method.piece_bytes());
        let compressors = Compressors::default();
        Pieces { method, out, waiting: Vec::new(), max_waiting, written: 0, compressors }
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        let (method, written) = (self.method, self.written);
        let compressed: Vec<Vec<u8>> = self
            .waiting
            .par_iter()
            .enumerate()
            .map(|(index, piece)| method.compress(written + index, piece, &self.compressors))
            .collect::<Result<_, _>>()?;
        self.written += self.waiting.len();
        self.waiting.clear();
        compressed.iter().try_for_each(|piece| self.out.write_all(piece))
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.write_waiting()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Pieces<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.method.piece_bytes();
        if self.waiting.last().is_none_or(|piece| piece.len() == size) {
            if self.waiting.len() == self.max_waiting {
                self.write_waiting()?;
            }
            self.waiting.push(Vec::new());
        }
        let piece = self.waiting.last_mut().expect("just made");
        let len = bytes.len().min(size - piece.len());
        piece.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
