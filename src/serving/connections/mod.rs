//! Connections: how many there may be, and how long one may be quiet.
//!
//! Door: [`Connections`], which counts them; [`Admitting`], [`Watching`] and [`Plain`], which a listener has. A
//! connection with a request in progress is busy; any other is quiet, and goes when that lasts too long or
//! when newcomers need its place. So nobody holds a place by saying nothing, or nothing more.
//!
//! Not here: who may ask for what, and how often (access).

mod accept;
mod activity;
mod admission;
mod admitted;
mod plain;
mod service;
mod stream;

pub(super) use self::accept::{Admitting, Watching};
pub(crate) use self::admission::ConnectionCounts;
pub(super) use self::admission::Connections;
pub(super) use self::plain::Plain;
