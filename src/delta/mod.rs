//! The delta room: bytes in, commands out, and back.
//!
//! Here live the librsync command codec, the base as one stream, the search for what a target
//! shares with it, the choice of commands, and the patch that undoes it all. Everything is pure:
//! no files, no network, no async, no image formats beyond recognising tar headers as structure.
//!
//! Source of the format: librsync's delta format as balena-engine reads it.

mod base;
mod baseline;
mod command;
mod encode;
mod options;
mod patch;
mod stats;

pub use base::Base;
pub use command::{Command, CommandError, CommandReader, MAGIC, write_stream};
pub use encode::Encoder;
pub use options::{Algorithm, Effort, Goal, Options};
pub use patch::{PatchError, patch};
pub use stats::CommandStats;
