//! The delta server: HTTP in, JSON out. Routes, who may, jobs, metrics.
//!
//! Door: [`run`] runs one until a signal ends it, as [`ServerSettings`] say.
//!
//! Async is allowed here; builds are blocking calls of the library on threads of their own.
//!
//! Not here: how a delta is made (the v2 and v3 rooms) and how images are read (the image room).

mod access;
mod agreed;
mod artifacts;
mod bucket;
mod build;
mod error;
mod fleet_links;
mod folder_name;
mod housekeeping;
mod images;
mod jobs;
mod layer_cache;
mod link_rates;
mod memory;
mod metrics;
mod page;
mod pair;
mod routes;
mod run;
mod settings;
mod start;
mod watching;

pub use crate::api::{DeltaQuery, ImageVersion, NamedImage, QueryError};
pub use crate::serving::{Ended, ListenSettings, ServingError, TlsFiles};
pub use error::ServerError;
#[doc(hidden)]
pub use jobs::simulation;
pub use run::run;
pub use settings::{
    AccessRules, AnswerSettings, DataSettings, LayerCacheSettings, LinkRateFile, RegistrySettings,
    Role, ServerSettings, WatchSettings, WorkSettings,
};
