//! The delta room: bytes in, commands out, and back.
//!
//! Here live the librsync command codec, the base as one stream, the search for what a target
//! shares with it, the choice of commands, and the patch that undoes it all. Everything is pure:
//! no files, no network, no async, no image formats beyond recognising tar headers as structure.
//!
//! Source of the format: librsync's delta format as balena-engine reads it.

mod base;
mod base_entries;
mod baseline;
mod cells;
mod command;
mod encode;
mod extent;
mod fine;
#[cfg(test)]
mod hostile_tests;
mod join;
mod matches;
mod options;
mod pairing;
mod parse;
mod patch;
mod prices;
mod sampling;
mod seed_index;
mod stats;
mod stream_model;
mod tar_entries;
#[cfg(test)]
mod tests;
mod trial;
mod tuning;

pub use base::Base;
pub use command::{Command, CommandError, CommandReader, MAGIC, write_stream};
pub use encode::Encoder;
pub use options::{Algorithm, Effort, Goal, Options};
pub use patch::{PatchError, patch};
pub use stats::CommandStats;
pub use tar_entries::{TarEntry, tar_entries};
