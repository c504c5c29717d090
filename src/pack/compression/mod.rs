//! How layer blobs are compressed: in pieces of a fixed size, several at a time, so that the bytes
//! do not depend on the number of threads.

mod allowance;
mod members;
mod method;
mod pieces;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use liblzma::write::XzEncoder;

use self::method::{PieceMethod, gzip_method};
use self::pieces::Pieces;
use crate::delta::Options;

pub(crate) use self::allowance::Allowance;

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
/// The best level that xz reaches with an encoder of less than 100 MiB.
const XZ_MAX_LEVEL: u32 = 6;

impl Compression {
    /// Returns the memory that it takes beside what any piece of work takes, in bytes.
    pub(crate) fn memory(self) -> u64 {
        if self == Compression::Xz { XZ_BYTES } else { 0 }
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
        Encoder::Pieces(Pieces::new(PieceMethod::quick_gzip(), out))
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
