//! What kinds of failure there are. The ground: every room's errors say theirs.

/// What kind of failure it was: decides the exit code and whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A defect in Remora itself.
    Internal,
    /// The caller asked for something that makes no sense.
    Usage,
    /// The surroundings failed: network, registry, permissions, disk.
    Environment,
    /// The content is corrupt, refused, or not what it was said to be.
    Content,
    /// The caller told the work to stop.
    Cancelled,
}

impl ErrorKind {
    /// The exit code of the `remora` command for a failure of this kind.
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Internal => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Environment => 3,
            ErrorKind::Content => 4,
            // 128 and SIGINT, as for a command that was interrupted.
            ErrorKind::Cancelled => 130,
        }
    }
}
