//! How layer blobs are compressed: in pieces of a fixed size, several at a time, so that the bytes
//! do not depend on the number of threads.

use std::io::{self, Write};

use bzip2::write::BzEncoder;
use libdeflater::{CompressionLvl, Compressor};
use liblzma::write::XzEncoder;
use rayon::prelude::*;

use crate::delta::{Goal, Options};

/// How the layers of a delta are compressed. Devices find out by content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// gzip (RFC 1952): read by everything.
    #[default]
    Gzip,
    /// bzip2: decoded inside the engine, sometimes smaller where mostly tar headers changed.
    Bzip2,
    /// xz: smaller, but the device needs an `xz` program, which stock balenaOS does not have.
    Xz,
    /// None at all.
    None,
}

/// Raw bytes in a gzip member. A member cannot refer to the one before it, which costs little at
/// this size, and all threads have work even in a delta of a few megabytes.
const GZIP_PIECE_BYTES: usize = 1 << 20;
/// The same where only size counts.
const GZIP_LARGE_PIECE_BYTES: usize = 4 << 20;
/// Raw bytes in a bzip2 stream: what a block of its largest size takes.
const BZIP2_PIECE_BYTES: usize = 900_000;
/// Raw bytes up to which a stream gets the best level whatever the effort: it takes no time.
const SMALL_BYTES: usize = 512 << 10;
/// Pieces in work at a time for each thread: some wait while others are compressed.
const PIECES_PER_THREAD: usize = 2;
/// Pieces in work at a time, however many threads there are: bounds memory.
const MAX_PIECES: usize = 32;
/// The best level that xz reaches with an encoder of less than 100 MiB.
const XZ_MAX_LEVEL: u32 = 6;

/// libdeflate's level for each effort, from 1 to 9. Levels 7 to 9 take longer than 6 and gain
/// nothing on deltas; 10 takes five times as long and gains 2 %; 12 gains 0.1 % more.
const GZIP_LEVELS: [i32; 9] = [6, 6, 6, 10, 10, 10, 12, 12, 12];
/// libdeflate's best level.
const GZIP_BEST: i32 = 12;

/// Compresses what is written to it into `out`.
pub(super) enum Encoder<W: Write> {
    Pieces(Pieces<W>),
    Xz(XzEncoder<W>),
    None(W),
}

impl<W: Write> Encoder<W> {
    pub(super) fn new(compression: Compression, options: &Options, out: W) -> Self {
        let level = options.effort.level();
        let method = match compression {
            Compression::Gzip => gzip_method(options),
            Compression::Bzip2 => PieceMethod::Bzip2,
            Compression::Xz => {
                return Encoder::Xz(XzEncoder::new(out, u32::from(level).min(XZ_MAX_LEVEL)));
            }
            Compression::None => return Encoder::None(out),
        };
        Encoder::Pieces(Pieces::new(method, out))
    }

    /// Writes what is left, and gives `out` back.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Encoder::Pieces(pieces) => pieces.finish(),
            Encoder::Xz(encoder) => encoder.finish(),
            Encoder::None(out) => Ok(out),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Encoder::Pieces(pieces) => pieces.write(bytes),
            Encoder::Xz(encoder) => encoder.write(bytes),
            Encoder::None(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Cuts what is written to it into pieces, compresses each by itself and writes them in order.
pub(super) struct Pieces<W> {
    method: PieceMethod,
    out: W,
    /// All but the last are full.
    waiting: Vec<Vec<u8>>,
    max_waiting: usize,
    /// Whether pieces have been written already.
    under_way: bool,
}

impl<W: Write> Pieces<W> {
    fn new(method: PieceMethod, out: W) -> Self {
        let max_waiting = (rayon::current_num_threads() * PIECES_PER_THREAD).min(MAX_PIECES);
        Pieces { method, out, waiting: Vec::new(), max_waiting, under_way: false }
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        let method = self.method;
        let compressed: Vec<Vec<u8>> = self
            .waiting
            .par_iter()
            .map(|piece| method.compress(piece))
            .collect::<Result<_, _>>()?;
        self.waiting.clear();
        self.under_way = true;
        compressed.iter().try_for_each(|piece| self.out.write_all(piece))
    }

    fn finish(mut self) -> io::Result<W> {
        if let [only] = &self.waiting[..]
            && only.len() <= SMALL_BYTES
            && !self.under_way
        {
            self.method = self.method.best();
        }
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

/// A format in which files may be put together from independent pieces.
#[derive(Debug, Clone, Copy)]
enum PieceMethod {
    Gzip { level: i32, piece_bytes: usize },
    Bzip2,
}

impl PieceMethod {
    fn piece_bytes(self) -> usize {
        match self {
            PieceMethod::Gzip { piece_bytes, .. } => piece_bytes,
            PieceMethod::Bzip2 => BZIP2_PIECE_BYTES,
        }
    }

    fn best(self) -> Self {
        match self {
            PieceMethod::Gzip { piece_bytes, .. } => {
                PieceMethod::Gzip { level: GZIP_BEST, piece_bytes }
            }
            PieceMethod::Bzip2 => PieceMethod::Bzip2,
        }
    }

    fn compress(self, piece: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            PieceMethod::Gzip { level, .. } => gzip(piece, level),
            PieceMethod::Bzip2 => {
                let mut encoder = BzEncoder::new(Vec::new(), bzip2::Compression::best());
                encoder.write_all(piece)?;
                encoder.finish()
            }
        }
    }
}

/// How to gzip with `options`. Where only size counts, all but the lowest efforts take the best
/// level.
fn gzip_method(options: &Options) -> PieceMethod {
    let level = GZIP_LEVELS[usize::from(options.effort.level()) - 1];
    if options.goal == Goal::Size && level > GZIP_LEVELS[0] {
        return PieceMethod::Gzip { level: GZIP_BEST, piece_bytes: GZIP_LARGE_PIECE_BYTES };
    }
    PieceMethod::Gzip { level, piece_bytes: GZIP_PIECE_BYTES }
}

/// One gzip member, without name or time.
fn gzip(piece: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let level = CompressionLvl::new(level).expect("a level of libdeflate's");
    let mut compressor = Compressor::new(level);
    let mut member = vec![0; compressor.gzip_compress_bound(piece.len())];
    let len = compressor.gzip_compress(piece, &mut member).map_err(io::Error::other)?;
    member.truncate(len);
    Ok(member)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::image::decompress;

    fn compress(compression: Compression, raw: &[u8], step: usize) -> Vec<u8> {
        let mut encoder = Encoder::new(compression, &Options::default(), Vec::new());
        raw.chunks(step).for_each(|chunk| encoder.write_all(chunk).expect("vec"));
        encoder.finish().expect("vec")
    }

    fn raw(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i / 3 * 7 + i / 1000) as u8).collect()
    }

    const ALL: [Compression; 4] =
        [Compression::Gzip, Compression::Bzip2, Compression::Xz, Compression::None];

    #[test]
    fn what_goes_in_comes_out() {
        for compression in ALL {
            for len in [1, 1000, GZIP_PIECE_BYTES, 3 * GZIP_PIECE_BYTES + 1] {
                let raw = raw(len);
                let blob = compress(compression, &raw, 100_000);
                let mut out = Vec::new();
                let mut reader = decompress(&blob[..]).expect("readable");
                reader.read_to_end(&mut out).expect("whole");
                assert!(out == raw, "{compression:?} {len}");
            }
        }
    }

    #[test]
    fn the_bytes_depend_on_neither_threads_nor_writes() {
        let raw = raw(5 * GZIP_PIECE_BYTES + 17);
        for compression in [Compression::Gzip, Compression::Bzip2] {
            let of_threads = |threads, step| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.expect("pool").install(|| compress(compression, &raw, step))
            };
            let expected = of_threads(1, raw.len());
            assert!(of_threads(2, 4096) == expected, "{compression:?}");
            assert!(of_threads(16, 999_983) == expected, "{compression:?}");
        }
    }
}
