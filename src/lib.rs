//! Remora: container image deltas without a container engine.
//!
//! Data flows one way. A reference names an image; [`image`] resolves its manifest and config;
//! [`store`] holds each layer's uncompressed tar under its diff ID, mapped into memory; [`delta`]
//! turns a base and a target layer into commands; [`v3`] wraps the commands as a delta image and
//! proves that it rebuilds the target; [`image`] writes it where it was asked to go.
//!
//! `docs/architecture.md` draws the rooms and says what each one never does.

#[cfg(feature = "api")]
pub mod api;
pub mod delta;
mod dialect;
mod error;
pub mod image;
mod kind;
pub mod librsync;
mod measure;
pub mod pack;
pub mod progress;
mod remedy;
pub mod rootfs;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
pub mod temporary;
pub mod v2;
pub mod v3;

pub use dialect::{Dialect, UnknownDialect};
pub use error::Error;
pub use kind::ErrorKind;
pub use remedy::Remedy;
