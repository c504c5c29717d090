//! Remora: container image deltas without a container engine.
//!
//! Data flows one way. A reference names an image; [`image`] resolves its manifest and config;
//! [`store`] holds each layer's uncompressed tar under its diff ID, mapped into memory; [`delta`]
//! turns a base and a target layer into commands; [`v3`] wraps the commands as a delta image and
//! proves that it rebuilds the target; [`image`] writes it where it was asked to go. [`artifact`] makes smaller deltas for
//! hosts that have Remora or read oci-delta; [`apply`] makes the target of a delta of any kind.
//!
//! # Example
//!
//! Two references in, a delta out, and the delta applied:
//!
//! ```
//! use remora::apply::{ApplyOptions, apply};
//! use remora::image::{ImageReference, Platform, TransportSettings, Transports};
//! use remora::progress::Silent;
//! use remora::store::Store;
//! use remora::v3::{self, CreateOptions};
//!
//! fn main() -> Result<(), remora::Error> {
//! #   let folder = tempfile::tempdir().expect("a folder");
//! #   let here = folder.path().display().to_string();
//! #   let folder = folder.path();
//!     let transports = Transports::new(TransportSettings::default())?;
//!     let platform = Platform::host();
//!     let base = transports.open(&"oci:fixtures/thermostat:1.0".parse()?, &platform)?;
//!     let target = transports.open(&"oci:fixtures/thermostat:1.1".parse()?, &platform)?;
//!
//!     // The store keeps uncompressed layers; the next delta finds them there.
//!     let store = Store::open(folder.join("store"))?;
//!     let place: ImageReference = format!("oci:{here}/images:delta").parse()?;
//!     let options = CreateOptions::for_destination(&place);
//!     let delta = v3::create(&base, &target, &store, &options, &Silent)?;
//!     println!("{} bytes", delta.report().total.delta_bytes);
//!     transports.write(&place, delta.contents(), &Silent)?;
//!
//!     // A device has the base, and gets the target.
//!     let delta = transports.open(&place, &platform)?;
//!     let options = ApplyOptions::for_destination(&place);
//!     let rebuilt = apply(&base, &delta, &store, options, &Silent)?;
//!     assert_eq!(rebuilt.report().target_id, target.id());
//!     transports.write(&format!("oci:{here}/images:target").parse()?, rebuilt.contents(), &Silent)?;
//!     rebuilt.forget_blobs(&store);
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! | feature | on by default | gives |
//! |---|---|---|
//! | `registry` | yes | images in registries and engines, and whether they are signed |
//! | `api` | yes | a client of the delta server |
//! | `release` | yes | releases of openBalena: what updates cost, and their deltas made ahead |
//! | `server` | yes | the delta server |
//! | `cli` | yes | the program `remora` |
//!
//! Without any, the library reads and writes OCI layouts and archives, and makes and applies deltas between
//! images in them.
//!
//! Modules that this page does not list are public for the program, its benchmarks and fuzz targets alone, and may
//! change with any version.
//!
//! `docs/architecture.md` draws the rooms and says what each one never does.

#[doc(hidden)]
pub mod accounts;
#[cfg(feature = "api")]
pub mod api;
pub mod apply;
#[doc(hidden)]
pub mod archives;
pub mod artifact;
mod beneath;
#[cfg(feature = "builder")]
pub mod builder;
pub mod bundle;
mod cause;
pub mod chunked;
pub mod delta;
pub mod deploy;
mod dialect;
#[cfg(any(feature = "cli", feature = "serving"))]
#[doc(hidden)]
pub mod end_signals;
#[cfg(feature = "registry")]
pub mod engine;
mod error;
#[cfg(feature = "registry")]
pub mod fetch;
pub mod image;
mod kind;
mod leb128;
pub mod librsync;
mod measure;
mod memory;
pub mod output;
#[doc(hidden)]
pub mod pack;
pub mod progress;
#[cfg(feature = "builder")]
mod project;
mod quote;
#[doc(hidden)]
pub mod references;
#[cfg(feature = "release")]
pub mod release;
mod remedy;
pub mod rootfs;
mod sealed;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "serving")]
mod serving;
#[doc(hidden)]
pub mod small_file;
mod space;
pub mod store;
#[doc(hidden)]
pub mod tar;
pub mod tar_diff;
#[doc(hidden)]
pub mod temporary;
#[cfg(any(feature = "registry", feature = "server"))]
mod threads;
#[cfg(any(feature = "api", feature = "registry"))]
mod tls;
#[cfg(feature = "registry")]
pub mod trust;
pub mod unpack;
#[doc(hidden)]
pub mod user_namespace;
pub mod v2;
pub mod v3;

pub use cause::Cause;
pub use dialect::{Dialect, UnknownDialect};
pub use error::Error;
pub use kind::ErrorKind;
pub use memory::{MemoryError, check_memory};
#[cfg(all(fuzzing, feature = "builder"))]
pub use project::fuzzing as project_fuzzing;
pub use remedy::Remedy;
