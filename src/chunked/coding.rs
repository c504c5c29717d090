//! Coding of one stream: as it is, in LZMA or in Zstandard, whichever is asked for or smaller.

use std::io::{self, Read, Write};

use lzma_rust2::{LzmaOptions, LzmaReader, LzmaWriter};

use super::format::{LZMA, STORED, ZSTD};
use super::streams::StreamKind;
use crate::delta::{Effort, Options};

/// A compressor that is cheap and near enough to tell what bytes cost.
const ESTIMATE_LEVEL: i32 = 1;
/// A compressor that is nearer.
const NEAR_LEVEL: i32 = 12;
/// The smallest dictionary of LZMA, in bytes.
const DICTIONARY_MIN: u32 = 4 << 10;
/// The coder looks back so far at most, in bytes, and over no more than one in so many bytes of memory: it takes twelve times as
/// many, and readers have all of the stream.
const SEARCHED_MAX: u32 = 10 << 20;
const SEARCHED_SHARE: u64 = 24;
/// One in how many bytes of memory the streams of a chunk take at most, but no less than that.
const STREAMS_SHARE: u64 = 16;
const STREAMS_MIN: u64 = 1 << 20;
/// One in how many bytes of memory the contents of a chunk's members take at most.
const CONTENT_SHARE: u64 = 8;
/// Streams of a chunk are coded side by side if they have no more of the memory together.
const SIDE_BY_SIDE_SHARE: u64 = 32;
/// From this effort on, streams are coded in LZMA.
const LZMA_EFFORT: u8 = 4;
/// LZMA's own levels at the usual and at high effort.
const LZMA_PRESET: u32 = 6;
const LZMA_PRESET_HIGH: u32 = 9;
/// From this effort on.
const HIGH_EFFORT: u8 = 7;
/// A shorter stream takes little time, whatever LZMA does.
const LARGE: usize = 512 << 10;
/// In literals and changes at the usual effort, LZMA takes a match of so many bytes at once: a tenth of its time less,
/// 0.1 % more.
const NICE_MATCH: u32 = 32;
/// In gaps it looks at no more candidates than so many: a fifth of its time less, at the same bytes.
const GAPS_DEPTH: i32 = 24;
/// The longest match that LZMA looks for at high effort.
const LONGEST_MATCH: u32 = 273;
/// Zstandard's levels by effort below that.
const ZSTD_LEVELS: [i32; LZMA_EFFORT as usize] = [3, 3, 9, 19];
/// Its level where it is tried beside LZMA, and the longest stream for that: longer ones LZMA makes smaller.
const ZSTD_BESIDE: i32 = 19;
const BESIDE_MAX: usize = 64 << 10;
/// Other parameters of LZMA that are tried at high effort, and the longest stream for that.
const OTHERS: [Properties; 4] = [
    Properties { lc: 0, lp: 0, pb: 0 },
    Properties { lc: 4, lp: 0, pb: 0 },
    Properties { lc: 3, lp: 0, pb: 2 },
    Properties { lc: 0, lp: 2, pb: 2 },
];
const OTHERS_MAX: usize = 4 << 20;
/// If one byte in so many or more is no text, literals are taken for a program's.
const BINARY_SHARE: usize = 10;

/// How a stream is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Stored,
    /// LZMA; the byte of its properties, as in the header of a `.lzma` file.
    Lzma(u8),
    /// One Zstandard frame.
    Zstd,
}

impl Coding {
    /// The number in the index.
    pub(super) fn number(self) -> u8 {
        match self {
            Coding::Stored => STORED,
            Coding::Lzma(_) => LZMA,
            Coding::Zstd => ZSTD,
        }
    }
}

/// LZMA's parameters for a stream: literal context, literal position and position bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Properties {
    lc: u32,
    lp: u32,
    pb: u32,
}

impl Properties {
    /// What is usual for streams of `kind`, of which `bytes` is one.
    fn usual(kind: StreamKind, bytes: &[u8]) -> Self {
        match kind {
            StreamKind::Changes => Properties { lc: 0, lp: 0, pb: 0 },
            StreamKind::Literals if is_binary(bytes) => Properties { lc: 3, lp: 0, pb: 2 },
            _ => Properties { lc: 3, lp: 0, pb: 0 },
        }
    }

    fn byte(self) -> u8 {
        ((self.pb * 5 + self.lp) * 9 + self.lc) as u8
    }

    fn of_byte(byte: u8) -> Option<Self> {
        let byte = u32::from(byte);
        let properties = Properties { lc: byte % 9, lp: byte / 9 % 5, pb: byte / 45 };
        (properties.pb <= 4 && properties.lc + properties.lp <= 4).then_some(properties)
    }
}

fn is_binary(bytes: &[u8]) -> bool {
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    bytes.iter().filter(|byte| !is_text(byte)).count() * BINARY_SHARE >= bytes.len()
}

/// The dictionary that a stream of `len` bytes needs: all of it.
fn dictionary(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX).max(DICTIONARY_MIN)
}

/// How streams are to be coded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coder {
    effort: Effort,
    /// The most bytes that coding may take.
    memory: u64,
}

impl Coder {
    pub(super) fn new(options: &Options) -> Self {
        Coder { effort: options.effort, memory: options.memory }
    }

    /// Returns how many bytes the streams of a chunk may have, `most` at most.
    pub(super) fn chunk_bytes(&self, most: u64) -> u64 {
        (self.memory / STREAMS_SHARE).clamp(STREAMS_MIN, most)
    }

    /// Returns how many bytes contents of a chunk's members may have.
    pub(super) fn content_bytes(&self) -> u64 {
        self.memory / CONTENT_SHARE
    }

    /// Returns how many bytes streams may have that are coded side by side.
    pub(super) fn side_by_side_bytes(&self) -> u64 {
        self.memory / SIDE_BY_SIDE_SHARE
    }

    /// How far back LZMA looks in a stream of `len` bytes.
    fn searched(&self, len: usize) -> u32 {
        let most = u32::try_from(self.memory / SEARCHED_SHARE).unwrap_or(u32::MAX);
        dictionary(len).min(most.clamp(DICTIONARY_MIN, SEARCHED_MAX))
    }

    /// Codes `bytes`, a stream of `kind`. As it is if that is smaller.
    pub(super) fn encode(&self, kind: StreamKind, bytes: &[u8]) -> io::Result<(Coding, Vec<u8>)> {
        let mut best = (Coding::Stored, bytes.to_vec());
        for way in ways(kind, bytes, self.effort.level()) {
            let coded = way.code(bytes, self.searched(bytes.len()))?;
            if coded.len() < best.1.len() {
                best = (way.coding(), coded);
            }
        }
        Ok(best)
    }
}

/// A way to code a stream.
enum Way {
    Zstd(i32),
    Lzma(Properties, LzmaOptions),
}

impl Way {
    fn coding(&self) -> Coding {
        match self {
            Way::Zstd(_) => Coding::Zstd,
            Way::Lzma(properties, _) => Coding::Lzma(properties.byte()),
        }
    }

    /// Codes `bytes`; LZMA looks back `searched` bytes.
    fn code(&self, bytes: &[u8], searched: u32) -> io::Result<Vec<u8>> {
        match self {
            Way::Zstd(level) => zstd::bulk::compress(bytes, *level),
            Way::Lzma(properties, options) => {
                let options = LzmaOptions { dict_size: searched, ..options.clone() };
                lzma(bytes, *properties, options)
            }
        }
    }
}

/// The ways in which `bytes`, a stream of `kind`, is coded to see which is the smallest.
fn ways(kind: StreamKind, bytes: &[u8], effort: u8) -> Vec<Way> {
    if bytes.is_empty() {
        return Vec::new();
    }
    if effort < LZMA_EFFORT {
        return vec![Way::Zstd(ZSTD_LEVELS[usize::from(effort)])];
    }
    let (properties, len) = (Properties::usual(kind, bytes), bytes.len());
    let is_high = effort >= HIGH_EFFORT;
    let options = if is_high { thorough() } else { usual(kind, len) };
    let mut ways = vec![Way::Lzma(properties, options)];
    if len <= BESIDE_MAX {
        ways.push(Way::Zstd(ZSTD_BESIDE));
    }
    if is_high && len <= OTHERS_MAX {
        let others = OTHERS.iter().filter(|other| **other != properties);
        ways.extend(others.map(|other| Way::Lzma(*other, thorough())));
    }
    ways
}

/// How hard LZMA tries at the usual effort for a stream of `len` bytes.
fn usual(kind: StreamKind, len: usize) -> LzmaOptions {
    let mut options = LzmaOptions::with_preset(LZMA_PRESET);
    match kind {
        _ if len < LARGE => {}
        StreamKind::Literals | StreamKind::Changes => options.nice_len = NICE_MATCH,
        StreamKind::Gaps => options.depth_limit = GAPS_DEPTH,
        _ => {}
    }
    options
}

/// The same at high effort.
fn thorough() -> LzmaOptions {
    LzmaOptions { nice_len: LONGEST_MATCH, ..LzmaOptions::with_preset(LZMA_PRESET_HIGH) }
}

fn lzma(bytes: &[u8], properties: Properties, mut options: LzmaOptions) -> io::Result<Vec<u8>> {
    (options.lc, options.lp, options.pb) = (properties.lc, properties.lp, properties.pb);
    let mut writer = LzmaWriter::new_no_header(Vec::new(), &options, false)?;
    writer.write_all(bytes)?;
    writer.finish()
}

/// Decodes a stream of `len` bytes, or returns `None` if `coded` is not that.
pub(super) fn decode(coding: Coding, coded: &[u8], len: usize) -> Option<Vec<u8>> {
    match coding {
        Coding::Stored => (coded.len() == len).then(|| coded.to_vec()),
        Coding::Zstd => zstd::bulk::decompress(coded, len).ok().filter(|bytes| bytes.len() == len),
        Coding::Lzma(byte) => {
            let Properties { lc, lp, pb } = Properties::of_byte(byte)?;
            let dictionary = dictionary(len);
            let reader = LzmaReader::new(coded, len as u64, lc, lp, pb, dictionary, None).ok()?;
            let mut bytes = Vec::with_capacity(len);
            reader.take(len as u64 + 1).read_to_end(&mut bytes).ok()?;
            (bytes.len() == len).then_some(bytes)
        }
    }
}

/// Returns how many bytes `bytes` take once they are coded, nearer than [`packed_len`] and in more time.
pub(super) fn nearly_packed_len(bytes: &[u8]) -> usize {
    zstd::bulk::compress(bytes, NEAR_LEVEL).map_or(bytes.len(), |packed| packed.len())
}

/// Returns about how many bytes `bytes` take once they are coded.
pub(super) fn packed_len(bytes: &[u8]) -> usize {
    zstd::bulk::compress(bytes, ESTIMATE_LEVEL).map_or(bytes.len(), |packed| packed.len())
}
