//! The way out of a chunk: plain bytes as they are, contents of members deflated.

use std::io::{self, Write};

use super::ChunkError;
use super::opened::PackedMember;
use crate::archives::{Deflater, TooSlow};

/// Takes the plain bytes of a chunk, and writes what they are in the layer.
pub(super) struct Packing<'a> {
    out: Bounded<'a>,
    /// The members that are not finished, in order.
    members: &'a [PackedMember],
    /// The place of the next plain byte.
    at: u64,
    /// Made when first needed: its tables are large.
    deflater: Option<Deflater>,
}

impl<'a> Packing<'a> {
    /// Writes the chunk from `start` on, which has `members` and makes `len` bytes, into `out`.
    pub(super) fn new(
        out: &'a mut dyn Write,
        members: &'a [PackedMember],
        start: u64,
        len: u64,
    ) -> Self {
        Packing { out: Bounded { out, left: len }, members, at: start, deflater: None }
    }

    /// Takes the next plain `bytes`.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), ChunkError> {
        while !bytes.is_empty() {
            let member = self.members.first().copied();
            let is_inside = member.is_some_and(|member| member.start <= self.at);
            let next = member.map_or(u64::MAX, |m| if is_inside { m.end() } else { m.start });
            let most = usize::try_from(next - self.at).unwrap_or(usize::MAX);
            let some = bytes.split_off(..bytes.len().min(most)).unwrap_or_default();
            match member.filter(|_| is_inside) {
                Some(member) => self.deflate(&member, some)?,
                None => self.out.write_all(some).map_err(|error| self.out.cause(error))?,
            }
            self.at += some.len() as u64;
        }
        Ok(())
    }

    /// Takes `bytes` of `member`.
    fn deflate(&mut self, member: &PackedMember, bytes: &[u8]) -> Result<(), ChunkError> {
        if self.at == member.start {
            let restarted = self.deflater.as_mut().is_some_and(|one| one.restart(member.level));
            if !restarted {
                self.deflater = Deflater::new(member.level);
            }
        }
        let deflater = self.deflater.as_mut().ok_or(ChunkError::Members)?;
        let mut written = deflater.write(bytes, &mut self.out);
        if self.at + bytes.len() as u64 == member.end() {
            self.members = &self.members[1..];
            written = written.and_then(|()| deflater.finish(&mut self.out));
        }
        written.map_err(|error| self.out.cause(error))
    }

    /// Ends the chunk.
    pub(super) fn end(self) -> Result<(), ChunkError> {
        let is_whole = self.members.is_empty() && self.out.left == 0;
        if is_whole { Ok(()) } else { Err(ChunkError::Members) }
    }
}

/// What a chunk may still make.
struct Bounded<'a> {
    out: &'a mut dyn Write,
    left: u64,
}

impl Bounded<'_> {
    /// Why writing failed.
    fn cause(&self, error: io::Error) -> ChunkError {
        match error.get_ref() {
            Some(inner) if inner.is::<Excess>() || inner.is::<TooSlow>() => ChunkError::Members,
            _ => ChunkError::Output(error),
        }
    }
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::Error::other(Excess));
        }
        let len = self.out.write(bytes)?;
        self.left -= len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The chunk makes more than the index says.
#[derive(Debug, thiserror::Error)]
#[error("the chunk makes more bytes than it may")]
struct Excess;
