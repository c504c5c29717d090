//! How much of everything a project may have.

/// The most that a project's tar may hold. Bytes, packed and unpacked, are counted by whoever takes the tar in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProjectLimits {
    /// Entries of the tar.
    pub(crate) entries: usize,
    /// Bytes of one path, or of what a link points to.
    pub(crate) path_bytes: usize,
    /// Folders in a path, the name at its end included.
    pub(crate) depth: usize,
    /// Bytes of all paths and links together, which stay in memory.
    pub(crate) names_bytes: usize,
}

impl Default for ProjectLimits {
    fn default() -> Self {
        ProjectLimits { entries: 200_000, path_bytes: 4096, depth: 100, names_bytes: 64 << 20 }
    }
}

/// Bytes of a text that is read: a compose file, a Dockerfile, a contract. No such text that people write is near it.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;
/// Bytes of a build secret.
pub(super) const MAX_SECRET_BYTES: u64 = 512 << 10;
/// Services of a project. Devices run far fewer; each one costs a build.
pub(super) const MAX_SERVICES: usize = 100;
/// Bytes of a composition: the API refuses requests of 512 kB and more.
pub(super) const MAX_COMPOSITION_BYTES: usize = 450_000;
/// Characters of a variable's value and of a label's value: what the API takes.
pub(super) const MAX_VARIABLE_CHARS: usize = 100_000;
pub(super) const MAX_LABEL_CHARS: usize = 300;
