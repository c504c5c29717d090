//! What kinds of failure there are. The ground: every room's errors say theirs.

/// The kind of a failure: decides whether trying again can help.
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
