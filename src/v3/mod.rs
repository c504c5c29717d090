//! The v3 room: the delta image that balena-engine pulls, one librsync delta for each layer.
//!
//! Here live its labels, config, manifest and layer tars; [`create`] makes one and proves that it
//! rebuilds the target, [`LayerDeltas`] rebuilds its layers, [`inspect`] reads one, [`diff`] says what
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

mod blob;
mod config;
mod create;
mod create_all;
mod diff;
mod error;
mod file_costs;
mod inspect;
mod labels;
mod layer_delta;
mod links;
mod rebuild;
mod refuse;
mod verify;
#[cfg(feature = "server")]
mod weigh;

pub use create::{CreateOptions, Delta, create};
pub use create_all::create_all;
pub use diff::{DiffOptions, DiffReport, diff};
pub use error::{LayerError, V3Error};
pub use file_costs::FileCost;
pub use inspect::inspect;
pub use labels::{ARTIFACT_TYPE, BASE_LABEL, TARGET_CONFIG_LABEL, delta_images};
pub use layer_delta::LayerDeltas;
pub use links::{LinkEstimate, Links};
pub(crate) use refuse::refuse_without_layers;

#[cfg(feature = "server")]
pub(crate) use weigh::{Weighed, weigh};

pub use crate::pack::{Compression, DeltaReport, LayerReport, ManifestKind, Total};
