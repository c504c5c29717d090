//! The rootfs room: the tree that a stack of layer tars adds up to.
//!
//! Bytes in, tree out: names, types, owners, times, hard links, and where in the tars each file's
//! content lies, extended attributes and holes. Whiteouts, replaced entries and implied parents are resolved here, and here names
//! are made safe. Nothing in this room touches a file system, and no content is copied but
//! that of sparse files, which no layer has in one piece.
//!
//! Sources: the OCI image spec, "Image Layer Filesystem Changeset". The reference is what `umoci unpack` makes of the same layers. Where an overlay2
//! device shows something else, the tree says so: see [`Doubt`].

mod entries;
mod error;
mod extras;
mod follow;
mod layer_bytes;
mod path;
mod sparse_files;
mod stack;
#[cfg(test)]
mod tests;
mod tree;

pub use error::{Problem, RootfsError};
pub use extras::Xattr;
pub use layer_bytes::LayerBytes;
pub use sparse_files::{MAX_SPARSE_BYTES, SparseFiles};
pub use tree::{Attributes, Device, Directory, Doubt, Inode, InodeId, Kind, Tree};

pub use crate::tar::{Mtime, SparseMap, Stretch};
