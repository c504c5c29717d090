//! The names of temporary files.

/// How the name of every temporary file starts.
pub const PREFIX: &str = ".remora-";
/// How the name of every temporary file ends.
pub const SUFFIX: &str = ".tmp";

/// How many characters of a temporary name are chosen at random.
pub(super) const RANDOM_CHARACTERS: usize = 6;

/// Whether a file of this name is one that somebody was still writing.
pub fn is_temporary_name(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}
