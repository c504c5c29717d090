//! The apply room: the target image, rebuilt from its base and a delta of any dialect.
//!
//! Here live the one interface to deltas that are applied layer by layer, those that a registry has for an image, the base's layers as they take from them, and the
//! rebuilt image with its manifest. Not here: how a dialect's layers are rebuilt (its room), where images are read and
//! written (`image`), and which delta is the cheapest (`fetch`).

mod base_layers;
mod blob;
#[cfg(feature = "registry")]
mod candidates;
#[cfg(feature = "registry")]
mod deadline;
mod error;
#[cfg(feature = "registry")]
mod find;
mod layer_deltas;
#[cfg(feature = "registry")]
mod look;
mod options;
mod rebuild_image;
mod rebuilt;

#[cfg(feature = "registry")]
pub(crate) use base_layers::BaseLayers;
#[cfg(feature = "registry")]
pub(crate) use blob::{Blobs, Kept, LayerBlob, Traffic, may_be_the_kept_parts_fault};
#[cfg(feature = "registry")]
pub(crate) use candidates::{Candidates, Questions};
#[cfg(feature = "registry")]
pub(crate) use deadline::PATIENCE;
pub use error::ApplyError;
#[cfg(feature = "registry")]
pub use find::{FoundDelta, find_deltas};
pub use layer_deltas::LayerDeltas;
#[cfg(feature = "registry")]
pub(crate) use look::{Look, look_at};
pub use options::ApplyOptions;
pub use rebuild_image::{apply, apply_opened};
pub use rebuilt::Rebuilt;
