//! The builder: a project in, images built by remote engines, a release with its deltas out.
//!
//! Door: [`run`] runs one until a signal ends it, as [`BuilderSettings`] say. A push comes in by `routes`, its file by
//! `upload`; `making` does the work, and whoever pushes reads along in `answer`.
//!
//! Async is allowed here; a build is a thread of its own, which asks engines by async calls and the API by blocking ones.
//!
//! Not here: what a project says (the project room), and how deltas are made (the delta server does).

mod answer;
mod caller;
mod closing;
mod crowd;
#[doc(hidden)]
pub mod engine;
mod error;
mod journal;
mod making;
mod metrics;
mod push;
mod routes;
mod run;
mod running;
mod service;
mod settings;
mod upload;

pub use crate::serving::{Ended, ListenSettings, ServingError, TlsFiles};
pub use error::BuilderError;
pub use run::run;
pub use settings::{BuildKitUse, BuilderSettings, InstallationSettings, ProjectSettings};
