//! The store room: a content-addressed folder that holds each layer's uncompressed tar under its
//! diff ID.
//!
//! Here live the way in (unpack, hash, write, fsync, rename), the way out (a read-only memory map),
//! the check of everything that is there, and its collection. Nothing here knows what a layer is
//! for, and nothing is ever changed in place: a file under `layers/` is complete and immutable from
//! the moment it has its name, so that killing a process at any moment leaves a valid store, and
//! several processes may use one at once.
//!
//! ```text
//! format                             the number of the format that the folder has
//! layers/<64 hex digits>             an uncompressed layer, mode 0400; its modification time is when it was last used
//! recipes/<64 hex digits>            what a layer is put together from, in place of the layer (docs/formats/recipe.md)
//! objects/<2>/<64>-<64 hex digits>   a file of an image: the digests of its content and of the rest of its inode
//! deployments/<64 hex digits>        what a deployment needs, under the digest of its path
//! names/<64 hex digits>              the manifest and config of an image that is known by name, under the name's digest
//! partial/<64 hex digits>-<64 more>  the first part of a blob, under the digests of blob and layer, for whoever goes on
//! incoming/<64 hex digits>/          a layer on its way in
//! scratch/<random>/                  temporary files of somebody who makes or applies a delta
//! ```
//!
//! The folders under `incoming/` and `scratch/`, and the files under `partial/`, are locked while somebody works
//! in them. The folder `names` is locked while names are given or taken and while layers are collected: what a name
//! needs stays.

mod bounds;
mod cached;
mod check;
mod check_objects;
mod collect;
mod deployments;
mod error;
mod files;
mod folder;
mod format;
mod ingest;
mod kept_base;
mod kept_image;
mod kept_layer;
mod layer;
mod layer_cache;
mod mapping;
mod names;
mod object_id;
mod objects;
mod partial;
mod partials;
mod proof;
mod put_together;
mod recipe;
mod record;
mod removal;
mod side_by_side;
mod sweep;
mod trouble;
mod workspace;

pub(crate) use check::{SoundFiles, hash_file};
pub use check::{VerifiedLayer, VerifyReport};
pub use collect::{GcLimits, GcReport, LayerUse, StoreInfo};
pub(crate) use deployments::HeldDeployment;
pub use error::StoreError;
pub(crate) use error::whose;
pub use folder::Store;
#[cfg(feature = "registry")]
pub(crate) use ingest::Incoming;
pub(crate) use kept_base::KeptBase;
pub use kept_image::KeptImage;
#[cfg(feature = "registry")]
pub(crate) use kept_image::by_digest;
pub(crate) use kept_layer::KeptLayer;
pub use layer::{Layer, verify_layers};
#[cfg(feature = "server")]
pub(crate) use layer_cache::LayerCache;
#[cfg(feature = "builder")]
pub(crate) use mapping::Mapping;
pub use mapping::{LastWords, report_lost_pages};
pub use names::Forgotten;
pub(crate) use object_id::ObjectId;
pub(crate) use objects::{Linked, Objects};
pub(crate) use partial::{IncomingBlob, Partial};
#[cfg(fuzzing)]
pub use recipe::fuzzing;
pub(crate) use recipe::{Contents, FileContent};
#[cfg(feature = "registry")]
pub(crate) use side_by_side::in_threads;
pub(crate) use trouble::Reason;
pub use trouble::Trouble;
pub use workspace::Workspace;
