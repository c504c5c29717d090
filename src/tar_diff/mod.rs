//! The tar_diff room: the stream that makes a layer tar from the files of an old tree, as bootc, composefs and podman read it.
//!
//! Here live its operations, written from covers, and the way back. Everything is pure. Not here: how covers are found
//! (`delta`), what the old tree is (`rootfs`), and what carries a stream.
//!
//! Source of the format: containers/tar-diff, "file-format.md", versions 1 and 2, of which 1 is written; `docs/formats/oci-delta.md` says what its
//! readers check.

mod compression;
mod error;
mod format;
mod read;
#[cfg(test)]
mod tests;
mod window;
mod write;

pub use error::TarDiffError;
pub use read::{OldFiles, TarDiffStats, apply_tar_diff};
pub use write::{PRICES, write_tar_diff};
