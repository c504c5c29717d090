//! Releases of openBalena: what an update costs a fleet, and its deltas made before devices ask.
//!
//! [`Installation`] is the way to an openBalena: its API, its registry and its delta server.
//! [`Installation::update_info`] says what an update from one release to another means, service by
//! service; [`Installation::prepare`] has its deltas made; [`Installation::fleet`] says what a whole fleet's
//! devices need. Formats: docs/formats/openbalena-api.md.
//!
//! # Example
//!
//! Say what an update costs, have its deltas made, and let the draft out when they are there:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use remora::release::{Finalize, Installation, PrepareOptions, ReleaseSettings};
//!
//! fn main() -> Result<(), remora::Error> {
//!     // As the balena CLI is set and logged in.
//!     let mut installation = Installation::new(ReleaseSettings::from_surroundings(None)?)?;
//!     let (running, draft) = ("org/fleet".parse()?, "1234".parse()?);
//!     let update = installation.update_info(&running, &draft)?;
//!     println!("{} bytes as it stands", update.payload_now);
//!
//!     let options = PrepareOptions::default().changed(|options| {
//!         options.wait = true;
//!         options.timeout = Some(Duration::from_secs(30 * 60));
//!         options.finalize = Finalize::WhenReady;
//!     });
//!     let prepared = installation.prepare(&running, &draft, options, &mut |update| {
//!         println!("{:?}", update.overall_status);
//!     })?;
//!     assert!(prepared.finalized || prepared.timed_out);
//!     Ok(())
//! }
//! ```
//!
//! Not here: how deltas are made, and how a person sees all this.

mod account;
mod api;
mod asked;
mod data_folder;
mod delta_server;
mod document;
mod error;
mod finality;
mod fleet;
mod fleet_document;
#[cfg(fuzzing)]
pub mod fuzzing;
mod installation;
#[cfg(feature = "builder")]
mod letting_out;
mod model;
mod name;
mod odata;
mod options;
mod outlook;
mod prepare;
mod query;
mod registry;
#[cfg(feature = "builder")]
pub(crate) mod rows;
mod running;
mod services;
mod session_token;
mod settings;
mod states;
mod tokens;
mod totals;
mod update;
mod waiting;
pub mod watch;
#[cfg(feature = "builder")]
mod writing;

#[cfg(feature = "server")]
pub(crate) use delta_server::DeltaMaker;
pub use document::{
    DeltaSummary, FleetSummary, ImageSummary, PayloadSource, ReleaseSummary, RemovedService,
    ServiceUpdate, TargetImage, UpdateInfo, UpdateState,
};
pub use error::ReleaseError;
pub use fleet_document::{FleetPair, FleetUpdate, RunningRelease};
pub use installation::Installation;
pub use name::{ReleaseName, ReleaseNameError};
pub use options::{Finalize, PrepareOptions};
pub use prepare::Prepared;
pub use settings::ReleaseSettings;
