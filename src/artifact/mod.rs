//! The artifact room: deltas for hosts, as artifacts beside the image that they make (OCI image spec v1.1, "Guidelines for
//! Artifact Usage").
//!
//! Here live the two dialects that are such artifacts, Remora's own and oci-delta: what their manifests say, how one is
//! made and proved, read, and how a layer is rebuilt from its blob. Not here: how covers are found (`delta`), the streams
//! themselves (`chunked`, `tar_diff`), where artifacts are read and written (`image`), and the rebuilt image (`apply`).
//!
//! # Format
//! A manifest whose config is empty, with the target's manifest as its subject and the base's image ID in an annotation.
//! Its blobs are the target's manifest and config as they are, then one for each layer that the base does not have: a layer
//! delta, or the layer's own blob where that is smaller. `docs/formats/remora-delta.md` and `docs/formats/oci-delta.md` say
//! the rest.

mod assemble;
mod blobs;
mod create;
mod delta;
mod error;
mod form;
mod inspect;
mod layer_error;
mod manifest;
mod old_tree;
mod options;
mod part;
mod reader;
mod rebuild;
mod signatures;
mod write_layer;

pub use create::{Delta, create};
pub use delta::ArtifactDelta;
pub use error::ArtifactError;
pub use inspect::{InspectedLayer, Inspection, LayerForm, StreamBytes, inspect};
pub use layer_error::LayerDeltaError;
pub(crate) use old_tree::OldTree;
pub use options::{CreateOptions, Sources};
pub(crate) use rebuild::OldBytes;
