//! Undoing a delta: base and commands in, target out.

use std::io::{self, Read, Write};

use super::stream::LiteralError;
use super::{CommandError, CommandReader};
use crate::delta::{BaseBytes, BaseError, Command, CommandStats};
use crate::{Cause, ErrorKind};

/// Why a delta could not be applied, and where in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The delta stream itself is damaged.
    #[error("command {command} at byte {position}: the delta {source}")]
    Stream {
        /// Number of the command, counted from 1; 0 is the magic number.
        command: u64,
        /// Byte offset in the delta stream up to which it was read.
        position: u64,
        /// The problem.
        source: CommandError,
    },
    /// A COPY reaches outside the base.
    #[error(
        "command {command} at byte {position}: COPY of {len} bytes at {offset} reaches outside the base of {base_len} bytes"
    )]
    CopyOutsideBase {
        /// Number of the command, counted from 1.
        command: u64,
        /// Byte offset in the delta stream just after the command.
        position: u64,
        /// Where the COPY starts in the base.
        offset: u64,
        /// How many bytes it wants.
        len: u64,
        /// How many bytes the base has.
        base_len: u64,
    },
    /// The delta makes more than the caller allows.
    #[error("command {command} at byte {position}: the result would exceed {limit} bytes")]
    TooLarge {
        /// Number of the command, counted from 1.
        command: u64,
        /// Byte offset in the delta stream just after the command.
        position: u64,
        /// The caller's limit in bytes.
        limit: u64,
    },
    /// The base could not be read.
    #[error("cannot read the base: {0}")]
    Base(#[source] io::Error),
    /// The result could not be written.
    #[error("cannot write the rebuilt bytes: {0}")]
    Output(#[source] io::Error),
}

impl PatchError {
    /// Returns what is to blame.
    pub fn cause(&self) -> Cause {
        match self {
            PatchError::Output(error) => Cause::of_io(error),
            // What was read of the base is less than there was of it.
            PatchError::Base(_) => Cause::DamagedLayer,
            PatchError::TooLarge { .. } => Cause::TooLarge,
            _ => Cause::Content,
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.cause().kind()
    }
}

/// Applies the delta stream `delta` to `base` and writes the target to `out`, at most `limit`
/// bytes of it. Constant memory; what comes out is only as trustworthy as its digest.
///
/// # Errors
/// [`PatchError::Stream`] if the delta is damaged, [`PatchError::CopyOutsideBase`] if it is for another
/// base, [`PatchError::TooLarge`] if it makes more than `limit` bytes, [`PatchError::Base`] if `base` and
/// [`PatchError::Output`] if `out` fails.
pub fn patch(
    base: &dyn BaseBytes,
    delta: impl Read,
    out: &mut impl Write,
    limit: u64,
) -> Result<CommandStats, PatchError> {
    let mut reader = CommandReader::new(delta).map_err(|source| PatchError::Stream {
        command: 0,
        position: 0,
        source,
    })?;
    let mut stats = CommandStats::default();
    loop {
        let number = reader.commands() + 1;
        let next = reader.next_command().map_err(|source| at(&reader, number, source))?;
        let Some(command) = next else { return Ok(stats) };
        let position = reader.position();
        stats.add(&command);
        if command.len() > limit || stats.target_bytes() > limit {
            return Err(PatchError::TooLarge { command: number, position, limit });
        }
        match command {
            Command::Copy { offset, len } => {
                let base_len = base.size();
                if offset.checked_add(len).is_none_or(|end| end > base_len) {
                    let command = number;
                    return Err(PatchError::CopyOutsideBase {
                        command,
                        position,
                        offset,
                        len,
                        base_len,
                    });
                }
                base.copy(offset, len, out).map_err(of_base)?;
            }
            Command::Literal { .. } => reader.copy_literal(out).map_err(|error| match error {
                LiteralError::Input(source) => at(&reader, number, source),
                LiteralError::Output(source) => PatchError::Output(source),
            })?,
        }
    }
}

fn of_base(error: BaseError) -> PatchError {
    match error {
        BaseError::Read(error) => PatchError::Base(error),
        BaseError::Write(error) => PatchError::Output(error),
    }
}

fn at<R: Read>(reader: &CommandReader<R>, command: u64, source: CommandError) -> PatchError {
    PatchError::Stream { command, position: reader.position(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::Base;

    fn apply(commands: &[u8]) -> Result<Vec<u8>, PatchError> {
        let base = Base::new(vec![b"hello ", b"world"]);
        let stream = [&super::super::MAGIC, commands].concat();
        let mut out = Vec::new();
        patch(&base, &stream[..], &mut out, 100).map(|_| out)
    }

    #[test]
    fn copies_may_overlap_repeat_go_backward_and_span_slices() {
        let out = apply(b"\x45\x04\x05\x01-\x45\x00\x05\x45\x0a\x01\x45\x02\x00\x00").expect("ok");
        assert_eq!(out, b"o wor-hellod");
    }

    #[test]
    fn a_copy_outside_the_base_names_its_place() {
        let error = apply(b"\x01x\x45\x0a\x02\x00").expect_err("outside");
        assert_eq!(
            error.to_string(),
            "command 2 at byte 9: COPY of 2 bytes at 10 reaches outside the base of 11 bytes"
        );
        assert!(apply(b"\x54\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\x02\0").is_err());
    }

    #[test]
    fn the_output_limit_holds_for_copies_and_literals() {
        assert!(matches!(apply(&[0x44; 20]), Err(PatchError::TooLarge { .. })));
        let huge = b"\x45\x00\x01\x54\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x00";
        assert!(matches!(apply(huge), Err(PatchError::TooLarge { command: 2, .. })));
        let copies = [&b"\x45\x00\x0b"[..]; 10].concat();
        assert!(matches!(apply(&copies), Err(PatchError::TooLarge { command: 10, .. })));
    }
}
