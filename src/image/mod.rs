//! The image room: what an image is (manifest, config, layers, identifiers) and the places it is
//! read from and written to (registry, OCI layout, OCI archive, docker archive, engine).
//!
//! Door: [`ImageReference`] names an image, [`Transports::open`] gives an [`Image`] whose layers are
//! streams of stored bytes, [`decompress`] makes plain tars of those, [`Transports::write`] puts an
//! [`ImageContents`] somewhere. Every blob is checked against its digest on the way.
//!
//! Not here: keeping layers (the store), checking a tar against its diff ID (the store, while it
//! unpacks), what is inside a layer, and what a delta is.

mod advice;
mod archive_file;
mod archive_output;
#[cfg(feature = "registry")]
mod artifact;
mod blob_problem;
mod blob_reader;
mod blob_source;
mod compression;
mod config;
mod contents;
mod destination;
mod digest;
mod docker_archive;
#[cfg(feature = "registry")]
mod docker_daemon;
#[cfg(not(feature = "registry"))]
#[path = "no_engine.rs"]
mod docker_daemon;
mod engine_image;
mod error;
mod every_platform;
mod identity;
#[expect(clippy::module_inception, reason = "the type's file is named after the type")]
mod image;
mod index_choice;
mod index_contents;
mod index_edit;
mod limits;
mod manifest;
mod members;
mod mismatch;
mod oci_archive;
mod oci_image;
mod oci_layout;
mod platform;
mod reference;
mod reference_error;
mod reference_text;
#[cfg(feature = "registry")]
mod registry;
mod registry_reference;
mod repository_tokens;
mod selected;
mod sole_platform;
mod stored_layer;
mod tar_index;
mod tar_writer;
mod transfer;
mod transport_settings;
mod transports;
mod unpack_limits;
mod whole_artifact;
mod zstd_frame;

#[cfg(feature = "registry")]
pub use artifact::Artifact;
pub use blob_problem::BlobProblem;
pub use compression::{Compression, decompress};
pub(crate) use config::NO_CONFIG;
pub use config::{ConfigError, ImageConfig, parse_config};
pub use contents::{Blob, BlobData, ImageContents};
pub use destination::Destination;
pub use digest::{ChainId, DiffId, Digest, DigestError, ImageId};
pub use docker_archive::DockerArchiveError;
#[cfg(feature = "registry")]
pub use docker_daemon::DaemonError;
pub use engine_image::EngineImage;
pub use error::ImageError;
pub use every_platform::PlatformImage;
pub use identity::{is_part_of, overwrites};
pub use image::Image;
pub use index_contents::IndexContents;
pub use manifest::{
    Descriptor, Index, Manifest, ManifestDocument, ManifestError, media_type, parse_manifest,
};
pub use mismatch::Mismatch;
pub use platform::{Platform, PlatformError};
pub use reference::{ArchiveFile, ArchivedImage, ImageReference, LayoutName};
pub use reference_error::ReferenceError;
#[cfg(all(fuzzing, feature = "registry"))]
pub use registry::fuzzing;
#[cfg(feature = "registry")]
pub use registry::{
    CredentialsError, LoginKey, LoginKeyError, LoginPlace, Logins, NetworkCause, RegistryError,
};
pub use registry_reference::RegistryReference;
pub use repository_tokens::RepositoryTokens;
pub(crate) use stored_layer::LayerSource;
pub use stored_layer::StoredLayer;
pub use tar_index::TarIndexError;
pub use transport_settings::{EnginePlace, RegistryLogin, TransportSettings};
pub use transports::Transports;
pub(crate) use unpack_limits::ImageBudget;
pub use unpack_limits::{Excess, UnpackLimits};
pub use whole_artifact::WholeArtifact;
