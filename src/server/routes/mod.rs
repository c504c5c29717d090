//! HTTP: what the server can be asked, and what it answers.
//!
//! Door: [`router`] makes the whole of it out of a [`Service`], which is what handlers work with;
//! [`figures`] makes what is answered on an address of its own.
//! Each file has one matter; [`answer`] has every answer that devices act on, in one place.
//!
//! Not here: who may (access), what a query means (query), which deltas are made when (jobs).

mod answer;
mod asked;
mod delta;
mod deltas;
mod download;
mod events;
mod health;
mod metrics;
mod openapi;
mod own_deltas;
mod pair_list;
mod pair_status;
mod prepare;
mod range;
mod router;
mod service;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use asked::Asked;
pub(crate) use own_deltas::OwnDeltas;
pub(crate) use router::{figures, router};
pub(crate) use service::Service;
