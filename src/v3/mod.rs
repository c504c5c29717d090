//! The v3 room: the delta image that balena-engine pulls, one librsync delta for each layer.
//!
//! Here live its labels, config, manifest and layer tars; [`create`] makes one and proves that it
//! rebuilds the target, [`apply`] rebuilds the target, [`inspect`] reads one, [`diff`] says what
//! one would cost. Not here: how commands are found (`delta`), where images are read and written
//! (`image`), and where uncompressed layers are kept (`store`).
//!
//! # Format
//! A delta image is an ordinary image with two labels in its config: the image ID of the base
//! ([`BASE_LABEL`]) and the config of the target, byte for byte ([`TARGET_CONFIG_LABEL`]). A delta
//! has one layer for each layer of the target, in the same order. Each is a compressed tar whose
//! first entry is a regular file that holds a librsync delta; applied to the uncompressed layer
//! tars of the base, concatenated from bottom to top, it makes the uncompressed tar of the target's
//! layer, whose digest must be the target's diff ID.

mod apply;
mod blob;
mod config;
mod create;
mod create_all;
mod diff;
mod error;
mod file_costs;
#[cfg(feature = "registry")]
mod find;
mod inspect;
mod labels;
#[cfg(feature = "registry")]
mod layer_delta;
mod links;
mod rebuild;
mod refuse;
mod report;
#[cfg(feature = "registry")]
mod tags;
mod verify;
#[cfg(feature = "server")]
mod weigh;

pub use apply::{ApplyOptions, Rebuilt, apply};
pub use create::{CreateOptions, Delta, create};
pub use create_all::create_all;
pub use diff::{DiffOptions, DiffReport, diff};
pub use error::{LayerError, V3Error};
pub use file_costs::FileCost;
#[cfg(feature = "registry")]
pub use find::{FoundDelta, find_deltas};
pub use inspect::inspect;
pub use labels::{ARTIFACT_TYPE, BASE_LABEL, TARGET_CONFIG_LABEL, delta_images};
#[cfg(feature = "registry")]
pub(crate) use layer_delta::LayerDeltas;
pub use links::{LinkEstimate, Links};
pub use report::{DeltaReport, LayerReport, Total};
#[cfg(feature = "registry")]
pub(crate) use tags::delta_tags;

#[cfg(feature = "server")]
pub(crate) use weigh::{Weighed, weigh};

pub use crate::pack::{Compression, ManifestKind};
