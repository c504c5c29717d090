//! What of a chunk is told open: packed members of the target, and stretches of the base that covers of them are of.

use std::io::Write;

use super::ChunkError;
use super::format::{ADDRESSES, CHUNK_RAW_BYTES, CHUNK_TARGET_BYTES, LEVELS, MEMBERS, PLAIN_RATIO};
use crate::archives::Inflater;
use crate::delta::{BaseBytes, BaseError, OPENED_RATIO, PackedStretch};
use crate::leb128::{folded, push, take, unfolded};

/// A member that is deflated on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PackedMember {
    /// Where in the chunk's plain bytes its content starts; counted, as all places, from the start of the layer.
    pub(super) start: u64,
    /// How many bytes the content has.
    pub(super) len: u64,
    /// The level that zlib deflates it with.
    pub(super) level: u8,
}

impl PackedMember {
    /// Where its content ends.
    pub(super) fn end(&self) -> u64 {
        self.start + self.len
    }
}

/// Returns the stream that says that a chunk has `plain_len` plain bytes from `start` on, with these `members`.
pub(super) fn write_members(members: &[PackedMember], start: u64, plain_len: u64) -> Vec<u8> {
    let mut out = Vec::new();
    if members.is_empty() {
        return out;
    }
    push(&mut out, plain_len);
    let mut at = start;
    for member in members {
        push(&mut out, member.start - at);
        push(&mut out, member.len);
        push(&mut out, u64::from(member.level));
        at = member.end();
    }
    out
}

/// Reads how many plain bytes a chunk has that makes `len` bytes from `start` on, and its members, or returns `None` if `stream` says
/// something that can't be.
pub(super) fn read_members(
    mut stream: &[u8],
    start: u64,
    len: u64,
) -> Option<(u64, Vec<PackedMember>)> {
    if stream.is_empty() {
        return Some((len, Vec::new()));
    }
    let most = CHUNK_TARGET_BYTES.min(len.saturating_mul(PLAIN_RATIO));
    let plain_len = take(&mut stream).filter(|plain_len| *plain_len <= most)?;
    let (mut members, mut at) = (Vec::new(), start);
    while !stream.is_empty() && members.len() < MEMBERS {
        let left = start + plain_len - at;
        let gap = take(&mut stream).filter(|gap| *gap <= left)?;
        let len = take(&mut stream).filter(|len| (1..=left - gap).contains(len))?;
        let level = take(&mut stream).filter(|level| LEVELS.contains(level))? as u8;
        let member = PackedMember { start: at + gap, len, level };
        at = member.end();
        members.push(member);
    }
    stream.is_empty().then_some((plain_len, members))
}

/// Returns the stream that says `stretches`.
pub(super) fn write_stretches(stretches: &[PackedStretch]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0u64);
    for stretch in stretches {
        push(&mut out, folded(stretch.offset.wrapping_sub(at) as i64));
        push(&mut out, stretch.packed_len);
        push(&mut out, stretch.len);
        at = stretch.offset + stretch.packed_len;
    }
    out
}

/// Reads the stretches of a base stream of `base_len` bytes that `stream` says, or returns `None` if it says something that can't
/// be. `streams_len` is how many bytes the chunk's streams have, `made` how many of the layer it makes.
pub(super) fn read_stretches(
    mut stream: &[u8],
    base_len: u64,
    streams_len: u64,
    made: u64,
) -> Option<Vec<PackedStretch>> {
    let (mut stretches, mut at) = (Vec::new(), 0u64);
    let mut weight_left = made.saturating_mul(OPENED_RATIO);
    let (mut packed, mut opened) = (0u64, streams_len);
    while !stream.is_empty() && stretches.len() < MEMBERS {
        let offset = at.wrapping_add(unfolded(take(&mut stream)?) as u64);
        let offset = Some(offset).filter(|offset| *offset <= ADDRESSES)?;
        let packed_len = take(&mut stream).filter(|len| (1..=CHUNK_RAW_BYTES).contains(len))?;
        let len = take(&mut stream).filter(|len| (1..=CHUNK_RAW_BYTES).contains(len))?;
        (packed, opened, at) = (packed + packed_len, opened + len, offset + packed_len);
        if at > base_len || packed > CHUNK_RAW_BYTES || opened > CHUNK_RAW_BYTES {
            return None;
        }
        let stretch = PackedStretch { offset, packed_len, len };
        weight_left = weight_left.checked_sub(stretch.weight())?;
        stretches.push(stretch);
    }
    stream.is_empty().then_some(stretches)
}

/// A base stream with what was opened of it behind it.
pub(super) struct OpenedBase<'a> {
    base: &'a dyn BaseBytes,
    opened: Vec<u8>,
}

impl<'a> OpenedBase<'a> {
    /// Opens `stretches` of `base`.
    pub(super) fn new(
        base: &'a dyn BaseBytes,
        stretches: &[PackedStretch],
    ) -> Result<Self, ChunkError> {
        let len: u64 = stretches.iter().map(|stretch| stretch.len).sum();
        // One byte more, by which a stretch is seen to be too long.
        let mut opened = Vec::with_capacity(len as usize + 1);
        for (number, stretch) in stretches.iter().enumerate() {
            let damaged = || ChunkError::OpenedBase { number };
            let mut inflater = Inflater::new(&mut opened, stretch.len as usize);
            match base.copy(stretch.offset, stretch.packed_len, &mut inflater) {
                Err(BaseError::Read(error)) => return Err(ChunkError::Base(error)),
                Err(BaseError::Write(_)) => return Err(damaged()),
                Ok(()) if !inflater.finish() => return Err(damaged()),
                Ok(()) => {}
            }
        }
        Ok(OpenedBase { base, opened })
    }

    /// How many bytes were opened.
    pub(super) fn opened_len(&self) -> u64 {
        self.opened.len() as u64
    }
}

impl BaseBytes for OpenedBase<'_> {
    fn size(&self) -> u64 {
        self.base.size() + self.opened.len() as u64
    }

    fn copy(&self, offset: u64, len: u64, out: &mut dyn Write) -> Result<(), BaseError> {
        let size = self.base.size();
        let below = len.min(size.saturating_sub(offset));
        if below > 0 {
            self.base.copy(offset, below, out)?;
        }
        if below == len {
            return Ok(());
        }
        let start = (offset.max(size) - size) as usize;
        let end = start.saturating_add((len - below) as usize);
        let outside = || BaseError::Read(std::io::ErrorKind::UnexpectedEof.into());
        let opened = self.opened.get(start..end).ok_or_else(outside)?;
        out.write_all(opened).map_err(BaseError::Write)
    }
}
