//! Undoing a layer's compression, found by content: media types are often wrong.

use std::io::{self, BufRead, BufReader, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

use super::ImageError;
use super::members::Members;
use super::zstd_frame::first_window;

/// Bytes read from a blob at once.
const BUFFER_BYTES: usize = 128 << 10;

/// Memory an xz stream may ask for: what `xz -9` needs.
const XZ_MEMORY_BYTES: u64 = 65 << 20;

/// The largest zstd window, as a power of two: what `zstd --long` writes by default, and libzstd's own
/// limit. Without `--long` and `--ultra` windows have 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 27;
const ZSTD_WINDOW_BYTES: u64 = 1 << ZSTD_WINDOW_LOG;

/// Enough to tell the formats apart, and to find a zstd frame's window behind what pzstd puts in front.
const START_BYTES: usize = 64;

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
///
/// # Errors
/// If the start of the blob cannot be read, or its first zstd frame asks for more memory than a layer may
/// take ([`ImageError::from_read`](super::ImageError::from_read) gives the cause back). The reader fails
/// if damage or such a frame comes later.
pub fn decompress<'a, R: Read + Send + 'a>(blob: R) -> io::Result<Box<dyn Read + Send + 'a>> {
    let mut blob = Peeked { start: Vec::new(), given: 0, rest: blob };
    blob.fill()?;
    let compression = Compression::of(&blob.start);
    let window = first_window(&blob.start);
    let blob = BufReader::with_capacity(BUFFER_BYTES, blob);
    Ok(match compression {
        Compression::None => Box::new(blob),
        Compression::Gzip => Box::new(Members::<GzDecoder<_>, _>::new(blob)),
        Compression::Zstd if window.is_some_and(|window| window > ZSTD_WINDOW_BYTES) => {
            return Err(window_error(window));
        }
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(blob)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(Drained(decoder))
        }
        Compression::Bzip2 => Box::new(Members::<BzDecoder<_>, _>::new(blob)),
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
        self.rest.by_ref().take(START_BYTES as u64).read_to_end(&mut self.start)?;
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

impl<R: BufRead> Blob for zstd::stream::read::Decoder<'_, R> {
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
        let read = self.0.read(buffer).map_err(memory_error)?;
        if read == 0 && !buffer.is_empty() && !self.0.blob().fill_buf()?.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the layer's compressed data is followed by something else",
            ));
        }
        Ok(read)
    }
}

/// Decoders say of memory that they may not have as they say of damage; the blob is in order.
fn memory_error(error: io::Error) -> io::Error {
    let Some(cause) = error.get_ref() else { return error };
    match cause.downcast_ref::<liblzma::stream::Error>() {
        Some(liblzma::stream::Error::MemLimit) => {
            let reason = format!(
                "its xz data takes more than the {XZ_MEMORY_BYTES} bytes of memory allowed"
            );
            ImageError::TooDemanding { reason, with: "xz -9 or less" }.into()
        }
        _ if cause.to_string().contains(ZSTD_TOO_MUCH) => window_error(None),
        _ => error,
    }
}

/// What libzstd says of a window over the limit (`ZSTD_error_frameParameter_windowTooLarge`).
const ZSTD_TOO_MUCH: &str = "requires too much memory";

fn window_error(window: Option<u64>) -> io::Error {
    let has = match window {
        Some(window) => format!("its zstd window has {window} bytes"),
        None => "a zstd window in it is larger".to_owned(),
    };
    let reason = format!("{has}, and the limit is {ZSTD_WINDOW_BYTES}");
    ImageError::TooDemanding { reason, with: "zstd --long=27 or less" }.into()
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
            for len in 10..blob.len() {
                assert!(plain(blob[..len].to_vec()).is_err(), "{compression:?} cut to {len}");
            }
            assert!(plain([&blob[..], b"rubbish"].concat()).is_err(), "{compression:?} with more");
        }
    }

    /// A zstd frame (RFC 8878, section 3.1.1) that wants a window of 2^`log` bytes and is empty.
    fn zstd_with_window(log: u8) -> Vec<u8> {
        [ZSTD, &[0, (log - 10) << 3, 1, 0, 0]].concat()
    }

    #[test]
    fn a_window_over_the_limit_is_named_and_not_called_damage() {
        let message = |blob| ImageError::from_read(plain(blob).expect_err("refused")).to_string();
        let skippable = [&[0x50], ZSTD_SKIPPABLE, &[4, 0, 0, 0], b"size"].concat();
        for (log, bytes) in [(28, 268_435_456_u64), (31, 2_147_483_648)] {
            let expected = format!(
                "a layer is not decompressed: its zstd window has {bytes} bytes, and the limit is 134217728"
            );
            assert_eq!(message(zstd_with_window(log)), expected);
            assert_eq!(message([&skippable[..], &zstd_with_window(log)].concat()), expected);
        }
        let later = [zstd_with_window(27), zstd_with_window(28)].concat();
        let expected = "a layer is not decompressed: a zstd window in it is larger, and the limit is 134217728";
        assert_eq!(message(later), expected);
        assert_eq!(plain(zstd_with_window(27)).expect("within the limit"), b"");
    }

    #[test]
    fn xz_that_takes_more_memory_is_named_and_not_called_damage() {
        let mut options = liblzma::stream::LzmaOptions::new_preset(0).expect("a preset");
        options.dict_size(256 << 20);
        let mut filters = liblzma::stream::Filters::new();
        filters.lzma2(&options);
        let check = liblzma::stream::Check::Crc64;
        let stream = Stream::new_stream_encoder(&filters, check).expect("an encoder");
        let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
        encoder.write_all(TEXT).expect("in memory");
        let blob = encoder.finish().expect("in memory");
        let error = ImageError::from_read(plain(blob).expect_err("refused")).to_string();
        assert!(
            error.starts_with("a layer is not decompressed: its xz data takes more"),
            "{error}"
        );
    }

    #[test]
    fn parts_without_content_are_not_unpacked_for_ever() {
        let nothing = |empty: Vec<u8>, count| [empty.repeat(count), empty].concat();
        for (empty, few, many) in [(gzip(b""), 1000, 2000), (bzip2(b""), 10, 20)] {
            // An empty bzip2 stream alone is not told from other bytes: begin with one that has some.
            let first = if empty.starts_with(GZIP) { gzip(TEXT) } else { bzip2(TEXT) };
            let blob = |count| [&first[..], &nothing(empty.clone(), count)].concat();
            assert_eq!(plain(blob(few)).expect("a few are taken"), TEXT);
            let error = plain(blob(many)).expect_err("too many");
            assert!(error.to_string().contains("compressed parts hold 25 bytes only"), "{error}");
        }
    }

    #[test]
    fn small_members_with_content_are_one_layer() {
        let file = [7; 1024];
        let blob = [gzip(&file[..512]), gzip(&file[512..])].concat().repeat(3000);
        assert_eq!(plain(blob).expect("as eStargz has them"), file.repeat(3000));
    }
}
