//! The currency of this room: what a delta tells its reader to do, however it is written.

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
