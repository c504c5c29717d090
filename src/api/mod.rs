//! The api room: how one talks to a delta server.
//!
//! Here live what requests and answers hold, for both ends, and [`Client`], the other end, which asks
//! for deltas ahead and watches them come about. Not here: the server.

// What the release room alone needs of these is not used without it.
#[cfg_attr(not(feature = "release"), allow(dead_code))]
mod client;
#[cfg_attr(not(feature = "release"), allow(dead_code))]
mod connection;
#[cfg_attr(not(feature = "release"), allow(dead_code))]
mod credential;
mod error;
mod events;
#[cfg(fuzzing)]
pub mod fuzzing;
mod query;
mod secret;
mod watch;
mod wire;

pub use client::Client;
pub use error::ApiError;
pub use query::{DeltaQuery, ImageVersion, NamedImage, QueryError};
pub use secret::Secret;
pub use watch::Seen;
pub use wire::{ComingDelta, Deltas, PairState, PairStatus, ReadyDelta, RefusedDelta, WantedPair};

#[cfg(feature = "release")]
pub(crate) use connection::{Connection, ConnectionError};
#[cfg(feature = "release")]
pub(crate) use connection::{Reply, RequestDraft};
pub(crate) use credential::Credential;
#[cfg(feature = "server")]
pub(crate) use wire::{Listed, Pairs};
