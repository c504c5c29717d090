//! The librsync delta stream: how commands are written and read.
//!
//! Big endian. A magic number, then commands, then END. The widths of offsets and lengths are the
//! writer's choice; we write the smallest that fit.

use std::io::{self, Read, Write};

use crate::delta::Command;

/// The first four bytes of a librsync delta.
pub const MAGIC: [u8; 4] = 0x7273_0236_u32.to_be_bytes();

const END: u8 = 0x00;
/// The longest literal whose length is in the command byte itself.
const LITERAL_IMMEDIATE_MAX: u64 = 0x40;
/// LITERAL with a length of one byte; 2, 4 and 8 bytes follow.
const LITERAL_N1: u8 = 0x41;
const LITERAL_N8: u8 = 0x44;
/// COPY with one byte each of offset and length; the length's width varies fastest.
const COPY_N1_N1: u8 = 0x45;
const COPY_N8_N8: u8 = 0x54;

/// How many bytes `command` takes in the stream before any literal bytes.
pub fn header_len(command: &Command) -> usize {
    match *command {
        Command::Copy { offset, len } => 1 + (1 << width_code(offset)) + (1 << width_code(len)),
        Command::Literal { len } if (1..=LITERAL_IMMEDIATE_MAX).contains(&len) => 1,
        Command::Literal { len } => 1 + (1 << width_code(len)),
    }
}

/// Appends `command`, without literal bytes, to `out`.
pub fn write_header(command: &Command, out: &mut Vec<u8>) {
    match *command {
        Command::Copy { offset, len } => {
            let (offset_code, len_code) = (width_code(offset), width_code(len));
            out.push(COPY_N1_N1 + 4 * offset_code + len_code);
            push_number(out, offset, offset_code);
            push_number(out, len, len_code);
        }
        Command::Literal { len } if (1..=LITERAL_IMMEDIATE_MAX).contains(&len) => {
            out.push(len as u8);
        }
        Command::Literal { len } => {
            let code = width_code(len);
            out.push(LITERAL_N1 + code);
            push_number(out, len, code);
        }
    }
}

/// The base-2 logarithm of the smallest width in bytes (1, 2, 4 or 8) that holds `number`.
fn width_code(number: u64) -> u8 {
    match number {
        0..=0xff => 0,
        0x100..=0xffff => 1,
        0x1_0000..=0xffff_ffff => 2,
        _ => 3,
    }
}

fn push_number(out: &mut Vec<u8>, number: u64, code: u8) {
    out.extend_from_slice(&number.to_be_bytes()[8 - (1 << code)..]);
}

/// Writes the whole delta stream that turns the base into `target`: magic, `commands`, END.
///
/// # Errors
/// If `out` fails.
///
/// # Panics
/// If the commands do not make exactly as many bytes as `target` has.
pub fn write_stream(target: &[u8], commands: &[Command], out: &mut impl Write) -> io::Result<()> {
    let mut rest = target;
    let mut header = Vec::with_capacity(17);
    out.write_all(&MAGIC)?;
    for command in commands {
        header.clear();
        write_header(command, &mut header);
        out.write_all(&header)?;
        let (bytes, after) = rest.split_at(command.len() as usize);
        if let Command::Literal { .. } = command {
            out.write_all(bytes)?;
        }
        rest = after;
    }
    assert!(rest.is_empty(), "commands end {} bytes before the target does", rest.len());
    out.write_all(&[END])
}

/// Returns how many bytes the delta stream of `commands` has: magic, commands, END.
pub fn stream_len(commands: &[Command]) -> u64 {
    let len = |command: &Command| {
        let literal = match *command {
            Command::Literal { len } => len,
            Command::Copy { .. } => 0,
        };
        header_len(command) as u64 + literal
    };
    MAGIC.len() as u64 + commands.iter().map(len).sum::<u64>() + 1
}

/// Commands that make no bytes in one stream, at most. Some writers have one for an empty file; each
/// takes time and none counts against the size of what is made, so that without a bound a stream of
/// them would take as long as it likes.
const MAX_EMPTY_COMMANDS: u64 = 1024;

/// A problem of a delta stream, found before any base is looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The stream does not begin with the magic number.
    #[error("starts with {0:02x?}, not with the magic number {MAGIC:02x?} of a librsync delta")]
    BadMagic([u8; 4]),
    /// A command byte that the format reserves.
    #[error("has the reserved command 0x{0:02x}")]
    Reserved(u8),
    /// The stream stops before END.
    #[error("ends before its END command")]
    Truncated,
    /// Bytes come after END.
    #[error("has bytes after its END command")]
    TrailingBytes,
    /// More commands that make nothing than any writer has reason for.
    #[error("has more than {MAX_EMPTY_COMMANDS} commands that make no bytes")]
    EmptyCommands,
    /// The stream could not be read.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => CommandError::Truncated,
            _ => CommandError::Io(error),
        }
    }
}

/// Reads commands from a delta stream, in constant memory.
#[derive(Debug)]
pub struct CommandReader<R> {
    input: R,
    position: u64,
    commands: u64,
    empty_commands: u64,
    /// Bytes of the last literal that nobody has read yet.
    literal_left: u64,
}

impl<R: Read> CommandReader<R> {
    /// Starts reading: checks the magic number.
    ///
    /// # Errors
    /// [`CommandError::BadMagic`] if the stream begins otherwise; also if `input` ends before or fails.
    pub fn new(input: R) -> Result<Self, CommandError> {
        let mut reader =
            CommandReader { input, position: 0, commands: 0, empty_commands: 0, literal_left: 0 };
        let mut magic = [0; 4];
        reader.fill(&mut magic)?;
        if magic != MAGIC {
            return Err(CommandError::BadMagic(magic));
        }
        Ok(reader)
    }

    /// How many bytes of the stream have been read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many commands have been read; END does not count.
    pub fn commands(&self) -> u64 {
        self.commands
    }

    /// The next command, or `None` at END. Literal bytes that were not read are passed over. After
    /// END the stream must have ended too.
    ///
    /// # Errors
    /// If the stream is damaged ([`CommandError`] says how), or cannot be read.
    pub fn next_command(&mut self) -> Result<Option<Command>, CommandError> {
        self.skip_literal()?;
        let mut byte = [0];
        self.fill(&mut byte)?;
        let command = match byte[0] {
            END => {
                return match self.input.read(&mut byte)? {
                    0 => Ok(None),
                    _ => Err(CommandError::TrailingBytes),
                };
            }
            len @ 1..LITERAL_N1 => Command::Literal { len: len.into() },
            code @ LITERAL_N1..=LITERAL_N8 => {
                Command::Literal { len: self.number(code - LITERAL_N1)? }
            }
            code @ COPY_N1_N1..=COPY_N8_N8 => {
                let code = code - COPY_N1_N1;
                Command::Copy { offset: self.number(code / 4)?, len: self.number(code % 4)? }
            }
            reserved => return Err(CommandError::Reserved(reserved)),
        };
        self.commands += 1;
        if command.is_empty() {
            self.empty_commands += 1;
            if self.empty_commands > MAX_EMPTY_COMMANDS {
                return Err(CommandError::EmptyCommands);
            }
        }
        if let Command::Literal { len } = command {
            self.literal_left = len;
        }
        Ok(Some(command))
    }

    /// Passes over what is left of the current literal.
    ///
    /// # Errors
    /// [`CommandError::Truncated`] if the stream ends before the literal does; also if it cannot be read.
    pub fn skip_literal(&mut self) -> Result<(), CommandError> {
        self.copy_literal(&mut io::sink()).map_err(|error| match error {
            LiteralError::Input(error) => error,
            LiteralError::Output(error) => CommandError::Io(error),
        })
    }

    /// Copies what is left of the current literal to `out`.
    pub(super) fn copy_literal(&mut self, out: &mut impl Write) -> Result<(), LiteralError> {
        let mut buffer = [0; 8192];
        while self.literal_left > 0 {
            let wanted = self.literal_left.min(buffer.len() as u64) as usize;
            self.fill(&mut buffer[..wanted]).map_err(LiteralError::Input)?;
            self.literal_left -= wanted as u64;
            out.write_all(&buffer[..wanted]).map_err(LiteralError::Output)?;
        }
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), CommandError> {
        self.input.read_exact(buffer)?;
        self.position += buffer.len() as u64;
        Ok(())
    }

    fn number(&mut self, code: u8) -> Result<u64, CommandError> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes[8 - (1 << code)..])?;
        Ok(u64::from_be_bytes(bytes))
    }
}

/// Which side of copying a literal failed.
#[derive(Debug)]
pub(super) enum LiteralError {
    Input(CommandError),
    Output(io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(stream: &[u8]) -> Result<Vec<Command>, CommandError> {
        let mut reader = CommandReader::new(stream)?;
        let mut commands = Vec::new();
        while let Some(command) = reader.next_command()? {
            commands.push(command);
        }
        Ok(commands)
    }

    #[test]
    fn every_width_is_the_smallest_that_fits_and_reads_back() {
        let edges = [0u64, 1, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, u64::MAX];
        for offset in edges {
            for len in edges {
                let command = Command::Copy { offset, len };
                let mut stream = MAGIC.to_vec();
                write_header(&command, &mut stream);
                assert_eq!(stream.len() - 4, header_len(&command));
                stream.push(END);
                assert_eq!(read_all(&stream).expect("valid"), [command]);
            }
        }
    }

    #[test]
    fn literals_up_to_64_bytes_cost_one_byte() {
        for (len, header) in [(1, 1), (64, 1), (65, 2), (255, 2), (256, 3), (65535, 3), (65536, 5)]
        {
            let target = vec![7; len];
            let mut stream = Vec::new();
            let command = Command::Literal { len: len as u64 };
            write_stream(&target, &[command], &mut stream).expect("vec");
            assert_eq!(stream.len(), 4 + header + len + 1);
            assert_eq!(read_all(&stream).expect("valid"), [command]);
        }
    }

    #[test]
    fn a_few_commands_may_make_nothing_but_not_any_number() {
        let copy = Command::Copy { offset: 0, len: 0 };
        for command in [copy, Command::Literal { len: 0 }] {
            let stream = |count: u64| {
                let mut stream = MAGIC.to_vec();
                (0..count).for_each(|_| write_header(&command, &mut stream));
                [stream, vec![END]].concat()
            };
            let read = read_all(&stream(MAX_EMPTY_COMMANDS)).expect("a few");
            assert_eq!(read.len() as u64, MAX_EMPTY_COMMANDS);
            let error = read_all(&stream(MAX_EMPTY_COMMANDS + 1)).expect_err("one more");
            assert_eq!(error.to_string(), "has more than 1024 commands that make no bytes");
        }
    }

    #[test]
    fn damaged_streams_are_refused() {
        let magic = |rest: &[u8]| [&MAGIC, rest].concat();
        assert!(matches!(read_all(b""), Err(CommandError::Truncated)));
        assert!(matches!(read_all(b"rs\x026"), Err(CommandError::Truncated)));
        assert!(matches!(read_all(b"\x72\x73\x01\x36\0"), Err(CommandError::BadMagic(_))));
        assert!(matches!(read_all(&magic(b"")), Err(CommandError::Truncated)));
        assert!(matches!(read_all(&magic(b"\x02a")), Err(CommandError::Truncated)));
        assert!(matches!(read_all(&magic(b"\x45\x00")), Err(CommandError::Truncated)));
        assert!(matches!(read_all(&magic(b"\x00\x00")), Err(CommandError::TrailingBytes)));
        for reserved in 0x55..=0xff {
            let stream = magic(&[reserved, 0]);
            assert!(matches!(read_all(&stream), Err(CommandError::Reserved(b)) if b == reserved));
        }
    }
}
