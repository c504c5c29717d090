//! The delta room: bytes in, commands out.
//!
//! Here live the commands themselves, the base as one stream, the search for what a target shares
//! with it, and the choice of commands. Everything is pure: no files, no network, no async, no image
//! formats beyond recognising tar headers as structure. Not here: how commands are written, what they
//! cost there (a dialect's [`Pricing`]), and how they are applied (`librsync`).

mod additive;
mod base;
mod base_bytes;
mod cells;
mod command;
mod cover;
mod encode;
mod extent;
mod fine;
#[cfg(test)]
mod hostile_tests;
mod join;
mod matching;
mod opening;
mod options;
mod parse;
mod prices;
mod pricing;
mod stats;
mod stream_model;
mod tar_entries;
#[cfg(test)]
pub(crate) mod test_files;
mod trial;
mod tuning;
mod ways;

pub use additive::{CoverPrices, Covers, covers_by_names, open_archives, programs};
pub use base::Base;
pub use base_bytes::{BaseBytes, BaseError};
pub use command::Command;
pub use cover::Cover;
pub(crate) use cover::{append_cover, covers_within};
pub use encode::Encoder;
pub(crate) use extent::common_prefix;
pub use opening::{OPENED_RATIO, OpenedMember, Opening, OpeningCosts, PackedStretch};
pub use options::{Advance, Algorithm, Effort, Goal, Options, Search};
pub use pricing::{Figures, NEARNESS_CLASSES, Pricing, Repeats, Rival};
pub use stats::CommandStats;
pub use tar_entries::{TarEntry, tar_entries};
