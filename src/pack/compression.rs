//! How layer blobs are compressed: in pieces of a fixed size, several at a time, so that the bytes
//! do not depend on the number of threads.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Bytes that an encoder of xz takes at [`XZ_MAX_LEVEL`].
const XZ_BYTES: u64 = 96 << 20;

/// Raw bytes in a gzip member, at least and at most. A member cannot refer to the one before it, which
/// costs little at these sizes.
const GZIP_PIECE_BYTES: RangeInclusive<u64> = 512 << 10..=4 << 20;
/// Streams are cut into so many members, where those would not be too large or small: all threads have
/// work even in a delta of a few megabytes.
const GZIP_PIECES: u64 = 8;
/// Raw bytes in a gzip member of a stream whose length is not known beforehand.
const QUICK_PIECE_BYTES: usize = 1 << 20;
/// Raw bytes in a bzip2 stream: what a block of its largest size takes.
const BZIP2_PIECE_BYTES: usize = 900_000;
/// One in how many bytes of the images an [`Allowance`] is, beyond so many bytes: small images are soon
/// read and compared, and compressing would take longer than all else.
const ALLOWANCE_SHARE: u64 = 16;
const ALLOWANCE_FROM: u64 = 64 << 20;
/// Raw bytes up to which a stream gets the best level whatever the effort: it takes no time.
const SMALL_BYTES: u64 = 512 << 10;
/// Pieces in work at a time for each thread: some wait while others are compressed.
const PIECES_PER_THREAD: usize = 2;
/// Raw bytes in work at a time, however many threads there are: bounds memory.
const MAX_BYTES: usize = 32 << 20;
/// The best level that xz reaches with an encoder of less than 100 MiB.
const XZ_MAX_LEVEL: u32 = 6;

/// libdeflate's level for each effort, from 1 to 9. 10 takes five times as long as 6 or 7 and gains
/// 2 %; 12 gains 0.1 % more.
const GZIP_LEVELS: [i32; 9] = [3, 6, 6, 10, 10, 10, 12, 12, 12];
/// The level of what comes after an [`Allowance`] is used up.
const GZIP_QUICK: i32 = 7;
/// libdeflate's best level.
const GZIP_BEST: i32 = 12;
/// From this effort on zopfli is tried on small streams: it takes seconds for 1 or 2 % where only tar
/// headers changed. On large streams it loses.
const ZOPFLI_EFFORT: u8 = 9;
/// With fewer it loses on small streams too.
const ZOPFLI_ITERATIONS: NonZeroU64 = NonZeroU64::new(50).expect("not zero");

impl Compression {
    /// Returns the memory that it takes beside what any piece of work takes, in bytes.
    pub(crate) fn memory(self) -> u64 {
        if self == Compression::Xz { XZ_BYTES } else { 0 }
    }
}

/// How many more raw bytes of a delta may be compressed as hard as the effort says, where time counts
/// too. The rest gets [`GZIP_QUICK`], so that compressing takes a bounded share of what reading and
/// comparing the images takes, however much of them changed.
pub(crate) struct Allowance(u64);

impl Allowance {
    /// For a delta between images of `bytes` in all.
    pub(crate) fn of_images(bytes: u64) -> Self {
        Allowance(bytes.saturating_sub(ALLOWANCE_FROM) / ALLOWANCE_SHARE)
    }

    /// Takes `bytes` of it, or what is left.
    fn spend(&mut self, bytes: u64) -> u64 {
        let spent = bytes.min(self.0);
        self.0 -= spent;
        spent
    }
}

/// Compresses what is written to it into `out`.
pub(crate) enum Encoder<W: Write> {
    Pieces(Pieces<W>),
    Xz(XzEncoder<W>),
    None(W),
}

impl<W: Write> Encoder<W> {
    /// For a stream of `len` raw bytes. `allowance` is what the delta's streams before it have left.
    pub(crate) fn new(
        compression: Compression,
        options: &Options,
        len: u64,
        allowance: &mut Allowance,
        out: W,
    ) -> Self {
        let level = options.effort.level();
        let method = match compression {
            Compression::Gzip => gzip_method(options, len, allowance),
            Compression::Bzip2 => PieceMethod::Bzip2,
            Compression::Xz => {
                return Encoder::Xz(XzEncoder::new(out, u32::from(level).min(XZ_MAX_LEVEL)));
            }
            Compression::None => return Encoder::None(out),
        };
        Encoder::Pieces(Pieces::new(method, out))
    }

    /// Makes gzip of a stream of any length quickly, for a layer that somebody waits for.
    pub(crate) fn quick_gzip(out: W) -> Self {
        let piece_bytes = QUICK_PIECE_BYTES;
        let method = PieceMethod::Gzip { level: GZIP_QUICK, piece_bytes, thorough: usize::MAX };
        Encoder::Pieces(Pieces::new(method, out))
    }

    /// Writes what is left, and gives `out` back.
    pub(crate) fn finish(self) -> io::Result<W> {
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
    fn new(method: PieceMethod, out: W) -> Self {
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

    fn finish(mut self) -> io::Result<W> {
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
    /// gzip by whatever makes it smallest, for streams up to [`SMALL_BYTES`].
    SmallestGzip,
    Gzip {
        level: i32,
        piece_bytes: usize,
        /// How many pieces get `level`; the others get [`GZIP_QUICK`].
        thorough: usize,
    },
    Bzip2,
}

impl PieceMethod {
    fn piece_bytes(self) -> usize {
        match self {
            PieceMethod::SmallestGzip => SMALL_BYTES as usize,
            PieceMethod::Gzip { piece_bytes, .. } => piece_bytes,
            PieceMethod::Bzip2 => BZIP2_PIECE_BYTES,
        }
    }

    /// Compresses piece number `index` of a stream.
    fn compress(
        self,
        index: usize,
        piece: &[u8],
        compressors: &Compressors,
    ) -> io::Result<Vec<u8>> {
        match self {
            PieceMethod::SmallestGzip => {
                let quickly = compressors.gzip(piece, GZIP_BEST)?;
                let slowly = zopfli_member(piece)?;
                Ok(if slowly.len() < quickly.len() { slowly } else { quickly })
            }
            PieceMethod::Gzip { level, thorough, .. } => {
                compressors.gzip(piece, if index < thorough { level } else { GZIP_QUICK })
            }
            PieceMethod::Bzip2 => {
                let mut encoder = BzEncoder::new(Vec::new(), bzip2::Compression::best());
                encoder.write_all(piece)?;
                encoder.finish()
            }
        }
    }
}

/// How to gzip a stream of `len` raw bytes with `options`. Where only size counts, all but the lowest
/// efforts take the best level.
fn gzip_method(options: &Options, len: u64, allowance: &mut Allowance) -> PieceMethod {
    let (smallest, largest) = GZIP_PIECE_BYTES.into_inner();
    let level = GZIP_LEVELS[usize::from(options.effort.level()) - 1];
    let for_size = options.goal == Goal::Size && level > GZIP_QUICK;
    if len <= SMALL_BYTES && options.effort.level() >= ZOPFLI_EFFORT {
        return PieceMethod::SmallestGzip;
    }
    if for_size || len <= SMALL_BYTES {
        let piece_bytes = largest as usize;
        return PieceMethod::Gzip { level: GZIP_BEST, piece_bytes, thorough: usize::MAX };
    }
    let piece_bytes = (len / GZIP_PIECES).clamp(smallest, largest) as usize;
    let thorough = match level {
        GZIP_BEST | ..=GZIP_QUICK => usize::MAX,
        _ => allowance.spend(len).div_ceil(piece_bytes as u64) as usize,
    };
    PieceMethod::Gzip { level, piece_bytes, thorough }
}

/// One gzip member by zopfli, without name or time.
fn zopfli_member(piece: &[u8]) -> io::Result<Vec<u8>> {
    let options =
        zopfli::Options { iteration_count: ZOPFLI_ITERATIONS, ..zopfli::Options::default() };
    let mut member = Vec::new();
    zopfli::compress(options, zopfli::Format::Gzip, piece, &mut member)?;
    Ok(member)
}

/// libdeflate's compressors between one piece and the next, by level: the larger ones take megabytes.
#[derive(Default)]
struct Compressors(Mutex<BTreeMap<i32, Vec<Workbench>>>);

/// A compressor, and memory for what it makes.
struct Workbench {
    compressor: Compressor,
    member: Vec<u8>,
}

impl Compressors {
    /// One gzip member, without name or time.
    fn gzip(&self, piece: &[u8], level: i32) -> io::Result<Vec<u8>> {
        let mut bench = self.take(level);
        let bound = bench.compressor.gzip_compress_bound(piece.len());
        if bench.member.len() < bound {
            bench.member.resize(bound, 0);
        }
        let len =
            bench.compressor.gzip_compress(piece, &mut bench.member).map_err(io::Error::other)?;
        let member = bench.member[..len].to_vec();
        self.lock().entry(level).or_default().push(bench);
        Ok(member)
    }

    fn take(&self, level: i32) -> Workbench {
        let idle = self.lock().get_mut(&level).and_then(Vec::pop);
        idle.unwrap_or_else(|| Workbench {
            compressor: Compressor::new(
                CompressionLvl::new(level).expect("a level of libdeflate's"),
            ),
            member: Vec::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Vec<Workbench>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::delta::Effort;
    use crate::image::decompress;

    fn compress(compression: Compression, raw: &[u8], step: usize) -> Vec<u8> {
        let (options, mut allowance) = (Options::default(), Allowance::of_images(1 << 30));
        let len = raw.len() as u64;
        let mut encoder = Encoder::new(compression, &options, len, &mut allowance, Vec::new());
        raw.chunks(step).for_each(|chunk| encoder.write_all(chunk).expect("vec"));
        encoder.finish().expect("vec")
    }

    fn raw(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i / 3 * 7 + i / 1000) as u8).collect()
    }

    /// Enough for several pieces, the last of them not full.
    const LARGE: usize = (5 << 20) + 17;

    const ALL: [Compression; 4] =
        [Compression::Gzip, Compression::Bzip2, Compression::Xz, Compression::None];

    #[test]
    fn what_goes_in_comes_out() {
        for compression in ALL {
            for len in [1, 1000, *GZIP_PIECE_BYTES.start() as usize, LARGE] {
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
    fn the_highest_effort_makes_small_streams_no_larger() {
        let raw = raw(20_000);
        let len_at = |effort| {
            let effort = Effort::new(effort).expect("1 to 9");
            let options = Options { effort, ..Options::default() };
            let mut allowance = Allowance::of_images(0);
            let mut encoder = Encoder::new(
                Compression::Gzip,
                &options,
                raw.len() as u64,
                &mut allowance,
                Vec::new(),
            );
            encoder.write_all(&raw).expect("vec");
            let blob = encoder.finish().expect("vec");
            let mut out = Vec::new();
            decompress(&blob[..]).and_then(|mut reader| reader.read_to_end(&mut out)).expect("ok");
            assert!(out == raw);
            blob.len()
        };
        assert!(len_at(9) <= len_at(8));
    }

    #[test]
    fn the_bytes_depend_on_neither_threads_nor_writes() {
        let raw = raw(LARGE);
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
