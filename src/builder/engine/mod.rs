//! Remote Docker Engines: which there are, which one builds next, and what they are asked.
//!
//! [`Engines`] has all of them; [`Engines::place`] waits for a place at one, and [`Place::engine`] builds and pushes.
//! Public for tests alone.
//!
//! Not here: what is built (the project room), and what becomes of the image (the builder room).

mod architecture;
mod build;
mod client;
mod engines;
mod error;
mod fit;
mod health;
mod image;
mod lines;
mod objects;
mod output;
mod prune;
mod push;
mod queue;
mod remote;
mod request;
mod session;
mod settings;
mod tags;
#[cfg(test)]
mod tests;
mod trace;
mod words;

pub use architecture::{Architecture, Machine, UnknownArchitecture};
pub use build::Built;
pub use engines::{Engines, Overview, Place, Wanted};
pub use error::{Away, EngineError};
pub use lines::{Line, Sink};
pub use push::{Progress, ProgressSink};
pub use remote::Engine;
pub use request::{BuildRequest, BuildSecret, Login};
pub use settings::{EngineSettings, Pruning};

pub use crate::engine::EngineAddress;
