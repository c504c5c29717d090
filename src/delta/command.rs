//! The currency of this room: what a delta tells its reader to do, however it is written.

use super::Cover;

/// One command of a delta. The bytes of a literal are not part of it: they are the next bytes of
/// the target (when writing) or of the stream (when reading).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Take `len` bytes of the base stream from `offset`.
    Copy {
        /// Where in the base stream, in bytes.
        offset: u64,
        /// How many bytes.
        len: u64,
    },
    /// Take the next `len` bytes that the delta itself brings.
    Literal {
        /// How many bytes.
        len: u64,
    },
}

impl Command {
    /// How many bytes of the target the command makes.
    pub fn len(&self) -> u64 {
        match *self {
            Command::Copy { len, .. } | Command::Literal { len } => len,
        }
    }

    /// Whether the command makes nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The commands that make a target of `len` bytes: `covers`, which are in order and do not overlap, and literals between
/// them. No cover goes on where the one before it ends.
pub(super) fn commands(len: u64, covers: &[Cover]) -> Vec<Command> {
    let mut commands = Vec::with_capacity(covers.len() * 2 + 1);
    let mut at = 0;
    for cover in covers {
        if cover.start > at {
            commands.push(Command::Literal { len: cover.start - at });
        }
        commands.push(Command::Copy { offset: cover.offset, len: cover.len });
        at = cover.end();
    }
    if at < len {
        commands.push(Command::Literal { len: len - at });
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_between_covers_and_around_them() {
        let cover = |start, len| Cover { start, len, offset: 7 };
        let copy = |len| Command::Copy { offset: 7, len };
        let literal = |len| Command::Literal { len };
        assert_eq!(commands(9, &[cover(2, 3)]), [literal(2), copy(3), literal(4)]);
        assert_eq!(commands(5, &[cover(0, 2), cover(2, 3)]), [copy(2), copy(3)]);
        assert_eq!(commands(0, &[]), []);
    }
}
