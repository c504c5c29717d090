//! The image room: what an image is (manifest, config, layers, identifiers) and the places it is
//! read from and written to.

mod digest;

pub use digest::{ChainId, DiffId, Digest, DigestError, ImageId};
