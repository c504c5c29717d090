//! Undoing a layer's compression, found by content: media types are often wrong.

use std::io::{self, BufRead, BufReader, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

/// Bytes read from a blob at once.
const BUFFER_BYTES: usize = 128 << 10;

/// Memory an xz stream may ask for: what `xz -9` needs.
const XZ_MEMORY_BYTES: u64 = 65 << 20;

/// The largest zstd window, as a power of two: what `zstd --long` writes by default, and libzstd's own
/// limit. Without `--long` and `--ultra` windows have 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Enough to tell the formats apart.
const MAGIC_BYTES: usize = 10;

const GZIP: &[u8] = &[0x1f, 0x8b, 0x08];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// What follows the first byte, 0x50 to 0x5f, of a skippable frame (RFC 8878, section 3.1.2). pzstd
/// begins every file with one.
const ZSTD_SKIPPABLE: &[u8] = &[0x2a, 0x4d, 0x18];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
/// What follows `BZh` and a digit. A tar may begin with a file named `BZh1`, but hardly with this.
const BZIP2_BLOCK: &[u8] = &[0x31, 0x41, 0x59, 0x26, 0x53, 0x59];

/// How a blob is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952), one member or several.
    Gzip,
    /// Zstandard (RFC 8878), one frame or several.
    Zstd,
    /// bzip2, one stream or several.
    Bzip2,
    /// xz, one stream or several.
    Xz,
}

impl Compression {
    /// The compression of a blob that starts with `start`; ten bytes decide.
    pub fn of(start: &[u8]) -> Self {
        if start.starts_with(GZIP) {
            Compression::Gzip
        } else if start.starts_with(ZSTD) || begins_skippable(start) {
            Compression::Zstd
        } else if start.starts_with(XZ) {
            Compression::Xz
        } else if start.starts_with(b"BZh")
            && start.get(4..).is_some_and(|s| s.starts_with(BZIP2_BLOCK))
        {
            Compression::Bzip2
        } else {
            Compression::None
        }
    }
}

/// Whether a zstd frame begins that decoders pass over.
fn begins_skippable(start: &[u8]) -> bool {
    let [first, rest @ ..] = start else { return false };
    (0x50..=0x5f).contains(first) && rest.starts_with(ZSTD_SKIPPABLE)
}

/// The plain bytes of a blob that may be compressed with gzip, zstd, bzip2 or xz.
///
/// The blob is always read to its end before the result ends, so that a reader that checks the
/// blob's digest at its end has had its say.
pub fn decompress<'a, R: Read + Send + 'a>(blob: R) -> io::Result<Box<dyn Read + Send + 'a>> {
    let mut blob = Peeked { start: Vec::new(), given: 0, rest: blob };
    blob.fill()?;
    let compression = Compression::of(&blob.start);
    let blob = BufReader::with_capacity(BUFFER_BYTES, blob);
    Ok(match compression {
        Compression::None => Box::new(blob),
        Compression::Gzip => Box::new(Drained(MultiGzDecoder::new(blob))),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(blob)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(Drained(decoder))
        }
        Compression::Bzip2 => Box::new(Drained(MultiBzDecoder::new(blob))),
        Compression::Xz => {
            let stream = Stream::new_stream_decoder(XZ_MEMORY_BYTES, CONCATENATED)?;
            Box::new(Drained(XzDecoder::new_stream(blob, stream)))
        }
    })
}

/// A reader whose first bytes have been looked at.
struct Peeked<R> {
    start: Vec<u8>,
    given: usize,
    rest: R,
}

impl<R: Read> Peeked<R> {
    fn fill(&mut self) -> io::Result<()> {
        self.rest.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut self.start)?;
        Ok(())
    }
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (&self.start[self.given..]).read(buffer)? {
            // Decoders need not know what an interrupted read is.
            0 => loop {
                match self.rest.read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    done => return done,
                }
            },
            read => {
                self.given += read;
                Ok(read)
            }
        }
    }
}

/// A decoder whose blob must end where the compressed data ends.
struct Drained<D>(D);

trait Blob {
    type Input: BufRead;
    fn blob(&mut self) -> &mut Self::Input;
}

impl<R: BufRead> Blob for MultiGzDecoder<R> {
    type Input = R;
    fn blob(&mut self) -> &mut R {
        self.get_mut()
    }
}

impl<R: BufRead> Blob for zstd::stream::read::Decoder<'_, R> {
    type Input = R;
    fn blob(&mut self) -> &mut R {
        self.get_mut()
    }
}

impl<R: BufRead> Blob for MultiBzDecoder<R> {
    type Input = R;
    fn blob(&mut self) -> &mut R {
        self.get_mut()
    }
}

impl<R: BufRead> Blob for XzDecoder<R> {
    type Input = R;
    fn blob(&mut self) -> &mut R {
        self.get_mut()
    }
}

impl<D: Read + Blob> Read for Drained<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        if read == 0 && !buffer.is_empty() && !self.0.blob().fill_buf()?.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the layer's compressed data is followed by something else",
            ));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const TEXT: &[u8] = b"a layer, a layer, a layer";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(9));
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    fn forms() -> Vec<(Compression, Vec<u8>)> {
        vec![
            (Compression::Gzip, gzip(TEXT)),
            (Compression::Zstd, zstd::encode_all(TEXT, 3).expect("in memory")),
            (Compression::Bzip2, bzip2(TEXT)),
            (Compression::Xz, liblzma::encode_all(TEXT, 6).expect("in memory")),
        ]
    }

    fn plain(blob: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        decompress(io::Cursor::new(blob))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn every_compression_is_recognised_and_undone() {
        for (compression, blob) in forms() {
            assert_eq!(Compression::of(&blob), compression);
            assert_eq!(plain(blob).expect("decompressed"), TEXT, "{compression:?}");
        }
    }

    #[test]
    fn a_zstd_layer_may_begin_with_frames_that_are_passed_over() {
        let frame = zstd::encode_all(TEXT, 3).expect("in memory");
        for first in 0x50..=0x5f {
            let skippable = [&[first], ZSTD_SKIPPABLE, &[4, 0, 0, 0], b"size"].concat();
            let blob = [&skippable[..], &skippable, &frame, &skippable, &frame].concat();
            assert_eq!(Compression::of(&blob), Compression::Zstd);
            assert_eq!(plain(blob).expect("decompressed"), [TEXT, TEXT].concat());
        }
    }

    #[test]
    fn several_members_are_one_layer() {
        for (compression, blob) in forms() {
            let twice = plain([blob.clone(), blob].concat()).expect("decompressed");
            assert_eq!(twice, [TEXT, TEXT].concat(), "{compression:?}");
        }
    }

    #[test]
    fn plain_bytes_of_any_length_stay_what_they_are() {
        for bytes in [&b""[..], b"B", b"BZh1/name of a file", &[0x1f, 0x8b], &[0; 2000]] {
            assert_eq!(plain(bytes.to_vec()).expect("plain"), bytes);
        }
    }

    #[test]
    fn a_damaged_blob_is_an_error_wherever_it_is_cut() {
        for (compression, blob) in forms() {
            for len in MAGIC_BYTES..blob.len() {
                assert!(plain(blob[..len].to_vec()).is_err(), "{compression:?} cut to {len}");
            }
            assert!(plain([&blob[..], b"rubbish"].concat()).is_err(), "{compression:?} with more");
        }
    }
}
