//! How a piece of a stream is compressed, and how large pieces are.

use std::io::{self, Write};
use std::ops::RangeInclusive;

use bzip2::write::BzEncoder;

use super::allowance::Allowance;
use super::members::{Compressors, zopfli_member};
use crate::delta::{Goal, Options};

/// Raw bytes in a gzip member, at least and at most. A member cannot refer to the one before it, which
/// costs little at these sizes.
pub(super) const GZIP_PIECE_BYTES: RangeInclusive<u64> = 512 << 10..=4 << 20;
/// Streams are cut into so many members, where those would not be too large or small: all threads have
/// work even in a delta of a few megabytes.
const GZIP_PIECES: u64 = 8;
/// Raw bytes in a gzip member of a stream whose length is not known beforehand.
const QUICK_PIECE_BYTES: usize = 1 << 20;
/// Raw bytes in a bzip2 stream: what a block of its largest size takes.
const BZIP2_PIECE_BYTES: usize = 900_000;
/// Raw bytes up to which a stream gets the best level whatever the effort: it takes no time.
const SMALL_BYTES: u64 = 512 << 10;
/// libdeflate's level for each effort, from 1 to 9. 10 takes five times as long as 6 or 7 and gains
/// 2 %; 12 takes half as long again and gains 0.1 % more.
const GZIP_LEVELS: [i32; 9] = [3, 6, 6, 10, 10, 10, 12, 12, 12];
/// The level of what comes after an [`Allowance`] is used up.
const GZIP_QUICK: i32 = 7;
/// libdeflate's best level.
const GZIP_BEST: i32 = 12;
/// From this effort on zopfli is tried on small streams: it takes seconds for 1 or 2 % where only tar
/// headers changed. On large streams it loses.
const ZOPFLI_EFFORT: u8 = 9;

/// A format in which files may be put together from independent pieces.
#[derive(Debug, Clone, Copy)]
pub(super) enum PieceMethod {
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
    /// Returns how to gzip a stream of any length quickly.
    pub(super) fn quick_gzip() -> Self {
        let piece_bytes = QUICK_PIECE_BYTES;
        PieceMethod::Gzip { level: GZIP_QUICK, piece_bytes, thorough: usize::MAX }
    }

    pub(super) fn piece_bytes(self) -> usize {
        match self {
            PieceMethod::SmallestGzip => SMALL_BYTES as usize,
            PieceMethod::Gzip { piece_bytes, .. } => piece_bytes,
            PieceMethod::Bzip2 => BZIP2_PIECE_BYTES,
        }
    }

    /// Compresses piece number `index` of a stream.
    pub(super) fn compress(
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
pub(super) fn gzip_method(options: &Options, len: u64, allowance: &mut Allowance) -> PieceMethod {
    let (smallest, largest) = GZIP_PIECE_BYTES.into_inner();
    let level = GZIP_LEVELS[usize::from(options.effort.level()) - 1];
    let for_size = options.goal == Goal::Size && level > GZIP_QUICK;
    if len <= SMALL_BYTES && options.effort.level() >= ZOPFLI_EFFORT {
        return PieceMethod::SmallestGzip;
    }
    if for_size || len <= SMALL_BYTES {
        let level = if len <= SMALL_BYTES { GZIP_BEST } else { level };
        let piece_bytes = largest as usize;
        return PieceMethod::Gzip { level, piece_bytes, thorough: usize::MAX };
    }
    let piece_bytes = (len / GZIP_PIECES).clamp(smallest, largest) as usize;
    let thorough = match level {
        GZIP_BEST | ..=GZIP_QUICK => usize::MAX,
        _ => allowance.spend(len).div_ceil(piece_bytes as u64) as usize,
    };
    PieceMethod::Gzip { level, piece_bytes, thorough }
}
