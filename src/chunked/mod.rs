//! The chunked room: the layer delta of Remora's own dialect, in chunks that stand alone.
//!
//! Here live its index, its streams and their coding, how covers are written as chunks, and how a chunk is rebuilt.
//! Everything is pure. Not here: how covers are found (`delta`), and what carries a layer delta.
//!
//! Source of the format: `docs/formats/remora-delta.md`.

mod chunk;
mod coding;
mod error;
mod fill;
mod format;
mod gather;
mod index;
mod opened;
#[cfg(test)]
mod opened_tests;
mod pack;
mod plain;
mod programs;
mod split;
mod streams;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vector_tests;
mod walk;
mod write;

pub use chunk::{ChunkStats, rebuild_chunk};
pub use error::{ChunkError, IndexError};
pub use fill::program_cost;
pub use index::{ChunkEntry, Index};
pub use streams::StreamKind;
pub use write::{PRICES, opening_cost, write_layer_delta};
