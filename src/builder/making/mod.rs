//! A release in the making: from a project in a file to a release that devices may run.
//!
//! Door: [`make`] begins a [`Job`] on a thread of its own. `steps` has the order of everything; `image` makes one
//! service's image, by an engine or as a copy; `ending` closes the rows, however it ends.
//!
//! Not here: how it is told (answer), and what is asked of engines (engine).

mod begun;
mod context;
mod copy;
mod deltas;
mod ending;
mod failure;
mod image;
mod job;
mod log;
mod patience;
mod registry;
mod request;
mod rows;
mod several;
mod steps;
mod upload_bar;
mod work;

pub(super) use begun::Begun;
pub(super) use job::{Job, make};
