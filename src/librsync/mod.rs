//! The librsync room: the delta stream of librsync, and the patch that undoes one.
//!
//! Here live how commands are written and read, what they cost, and how a stream is applied to a base. Everything is
//! pure. Not here: how commands are found (`delta`), and what carries a stream.
//!
//! Source of the format: librsync's delta format as balena-engine reads it.

mod baseline;
#[cfg(test)]
mod encoder_tests;
mod patch;
mod prices;
mod stream;

pub use patch::{PatchError, patch};
pub use prices::Prices;
pub use stream::{
    CommandError, CommandReader, MAGIC, header_len, stream_len, write_header, write_stream,
};
