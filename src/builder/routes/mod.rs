//! HTTP: what the builder can be asked.
//!
//! Door: [`router`] makes the whole of it; [`figures`] makes what is answered on an address of its own.
//!
//! Not here: what a build does (making).

mod caller;
mod cancel;
mod operation;
mod push;
mod receive;
mod refusal;
mod router;

pub(super) use router::{figures, router};
