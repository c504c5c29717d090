//! The v2 room: the delta that older devices apply with their own rsync.
//!
//! Here live the file list and the records of an rsync batch, the plan of what a batch must say to
//! turn one tree into another, its writer and its reader; [`create`] makes a delta and proves it,
//! [`inspect`] reads one. Not here: what a stack of layers adds up to (`rootfs`), and how matches
//! are found (`delta`). rsync is never run.
//!
//! # Format
//! JSON metadata with the target's config, a NUL byte, and an rsync batch stream to the end of the
//! file. A device makes a hard-link copy of the base's files and pipes the batch into
//! `rsync --archive --delete --read-batch - COPY/`. `docs/v2.md` says what is written and why.

mod content;
mod create;
mod deflate;
mod device;
mod difference;
mod entry;
mod error;
mod file_list;
mod format;
mod inflate;
mod input;
mod inspect;
mod metadata;
mod numbers;
mod options;
mod plan;
mod prices;
mod reader;
mod record;
mod report;
mod steps;
mod tokens;
mod verify;
mod writer;

#[cfg(all(test, feature = "server"))]
pub(crate) use create::names_memory;
pub use create::{Layers, create, create_from_layers};
pub use error::{BatchError, BatchProblem, V2Error};
pub use inspect::{Counts, Inspection, inspect};
pub use options::{CreateOptions, ListScope};
pub use report::{DeltaReport, Sizes};
