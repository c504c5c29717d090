//! The pack room: images in the making.
//!
//! Here live the pair of images that a delta is made between, what a plain pull would fetch, the report on a delta, blobs written and hashed, read while
//! they grow, their compression with its allowance, the temporary files that they are until they are published,
//! the tar around one file, manifests, failures of work on the side, and the memory that all of it takes. Not here: any format of deltas (its own room), how commands are found (`delta`),
//! and where images are read and written (`image`).

mod blob;
pub(crate) mod compression;
mod failures;
mod follow;
mod layer_file;
pub(crate) mod layer_tar;
mod manifest;
mod metered;
mod packed_image;
mod pair;
mod pull;
mod report;
#[cfg(feature = "registry")]
mod stored_image;
mod work_memory;

pub use compression::Compression;
pub use manifest::ManifestKind;
pub use report::{DeltaReport, LayerReport, Total};

pub(crate) use blob::{BlobId, Hashed, Written};
pub(crate) use compression::Allowance;
pub(crate) use failures::Failures;
pub(crate) use follow::{Follower, Growing, Growth};
pub(crate) use layer_file::LayerFile;
pub(crate) use manifest::{About, artifact_manifest, image_manifest};
pub(crate) use metered::Metered;
pub(crate) use packed_image::PackedImage;
pub(crate) use pair::{Pair, Source, shared_layers};
pub(crate) use pull::{pull_bytes, pull_sizes};
#[cfg(feature = "registry")]
pub(crate) use stored_image::pack_stored;
pub(crate) use work_memory::check_work;
